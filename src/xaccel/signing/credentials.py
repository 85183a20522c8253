"""Credentials from botocore's chain, refreshed without a request waiting for it."""

from __future__ import annotations

import threading
import time
from copy import copy
from typing import TYPE_CHECKING, Any

from xaccel.errors import CredentialsUnavailable, XaccelError
from xaccel.events import logger
from xaccel.signing.endpoint import new_session
from xaccel.site.origins import S3Origin

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

REFRESH_AHEAD_S = 15 * 60
"""Seconds before their end at which credentials are refreshed: botocore's own advisory time."""

STILL_GOOD_S = 30
"""Seconds of life that credentials must have to be signed with while others are fetched."""

PAUSE_S = 10
"""Least seconds between two refreshes ahead: one that fails, or brings a short life, is not tried at each request."""


FAILED_S = 2
"""Seconds in which requests get the error of the last look-up, instead of waiting for the next one."""


class CredentialSource:
    """The credentials of one origin, looked up at the first use and refreshed by a thread.

    Thread-safe. One look-up or refresh runs at a time. All requests that wait for it get its credentials or its error.
    """

    def __init__(self, origin: S3Origin) -> None:
        self._origin = origin
        self._lock = threading.Lock()
        self._found: Any = None
        self._frozen: ReadOnlyCredentials | None = None
        self._refreshing = threading.Lock()
        self._next_ahead = 0.0
        self._failure: XaccelError | None = None
        self._failed_at = 0.0

    def ready(self) -> bool:
        """Return whether `current` needs no file, process or network."""
        return not self._needs_refresh(STILL_GOOD_S) and self._frozen is not None

    def current(self) -> ReadOnlyCredentials:
        """Return credentials that are valid now. Waits only when there are none.

        Raises CredentialsUnavailable when the chain finds none, or their refresh fails and the old ones are over.
        """
        # Both before `_frozen` is read: see _fetch
        ending = self._needs_refresh(REFRESH_AHEAD_S)
        over = ending and self._needs_refresh(STILL_GOOD_S)
        frozen = self._frozen
        if frozen is None or over:
            return self._fetch()
        if ending and time.monotonic() >= self._next_ahead and self._refreshing.acquire(blocking=False):
            try:
                threading.Thread(target=self._refresh_ahead, name="xaccel-credentials", daemon=True).start()
            except RuntimeError:  # the system refuses a new thread: a later request tries again
                self._refreshing.release()
        return frozen

    def is_valid_for(self, credentials: ReadOnlyCredentials, seconds: int) -> bool:
        """Tell whether `credentials`, which `current` returned, are known to be valid for `seconds` more."""
        # Nobody knows the end of a session token that is in the settings.
        if credentials.token is not None and not hasattr(self._found, "refresh_needed"):
            return False
        # In this order: a refresh tells the new end before the new values are here, see _fetch.
        return not self._needs_refresh(seconds) and not self._lock.locked() and self._frozen is credentials

    def _needs_refresh(self, ahead_s: int) -> bool:
        refresh_needed = getattr(self._found, "refresh_needed", None)
        return bool(refresh_needed and refresh_needed(refresh_in=ahead_s))

    def _refresh_ahead(self) -> None:
        try:
            self._fetch()
        except XaccelError as error:
            logger.warning("credentials were not refreshed, the old ones are still valid: %s", error)
        finally:
            self._next_ahead = time.monotonic() + PAUSE_S
            self._refreshing.release()

    def _fetch(self) -> ReadOnlyCredentials:
        asked = time.monotonic()
        with self._lock:
            old, failure = self._frozen, self._failure
            if self._needs_refresh(STILL_GOOD_S):
                # botocore tells the new end before the new values are here: nobody may pair it with the old ones.
                self._frozen = None
            if tried := failure is None or min(asked, time.monotonic() - FAILED_S) > self._failed_at:
                failure = self._failure = self._try_to_fetch()
                self._failed_at = time.monotonic()
            if failure is not None:
                if old is None or self._needs_refresh(0):
                    # A copy: one error in several threads would collect the traceback of each.
                    raise copy(failure) from failure.__cause__
                if tried:
                    logger.warning("credentials were not refreshed, the old ones expire soon: %s", failure)
                self._frozen = old
            assert self._frozen is not None
            return self._frozen

    def _try_to_fetch(self) -> XaccelError | None:
        """Set `_frozen`, or return why that failed."""
        try:
            if self._found is None:
                self._found = self._look_up()
            self._frozen = self._found.get_frozen_credentials()
        except XaccelError as error:
            return error
        except Exception as error:  # noqa: BLE001  (of processes and plug-ins that botocore runs)
            failure = CredentialsUnavailable(
                f"botocore could not fetch them ({type(error).__name__})",
                where=f"S3Origin(profile={self._origin.profile!r})",
                remedy="Look at the role, the instance metadata service or the profile that gives them.",
            )
            failure.__cause__ = error
            return failure
        return None

    def _look_up(self) -> Any:
        if self._origin.access_key is not None:
            from botocore.credentials import Credentials

            return Credentials(self._origin.access_key, self._origin.secret_key, self._origin.session_token)
        found = new_session(self._origin).get_credentials()
        if found is None:
            raise CredentialsUnavailable(
                "botocore found no credentials",
                where=f"S3Origin(profile={self._origin.profile!r})",
                remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, or give access_key and"
                " secret_key to the origin.",
            )
        return found
