"""Credentials from botocore's chain, refreshed without a request waiting for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from xaccel.errors import CredentialsUnavailable
from xaccel.events import logger
from xaccel.origins import S3Origin
from xaccel.signing import new_session

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

REFRESH_AHEAD_S = 15 * 60
"""Seconds before their end at which credentials are refreshed: botocore's own advisory time."""

STILL_GOOD_S = 30
"""Seconds of life that credentials must have to be signed with while others are fetched."""


class CredentialSource:
    """The credentials of one origin, looked up at the first use and kept fresh by a thread of their own.

    Thread-safe. One lookup or refresh runs at a time.
    """

    def __init__(self, origin: S3Origin) -> None:
        self._origin = origin
        self._lock = threading.Lock()
        self._found: Any = None
        self._frozen: ReadOnlyCredentials | None = None
        self._refreshing = threading.Lock()

    def ready(self) -> bool:
        """Tell whether `current` will answer without asking files, processes or the network."""
        return self._frozen is not None and not self._needs_refresh(STILL_GOOD_S)

    def current(self) -> ReadOnlyCredentials:
        """Return credentials that are valid now. Waits only when there are none.

        Raises CredentialsUnavailable when the chain finds none or their refresh fails.
        """
        if self._frozen is None or self._needs_refresh(STILL_GOOD_S):
            return self._fetch()
        if self._needs_refresh(REFRESH_AHEAD_S) and self._refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh_ahead, name="xaccel-credentials", daemon=True).start()
        return self._frozen

    def _needs_refresh(self, ahead_s: int) -> bool:
        refresh_needed = getattr(self._found, "refresh_needed", None)
        return bool(refresh_needed and refresh_needed(refresh_in=ahead_s))

    def _refresh_ahead(self) -> None:
        try:
            self._fetch()
        except CredentialsUnavailable as error:
            logger.warning("credentials were not refreshed, the old ones are still valid: %s", error)
        finally:
            self._refreshing.release()

    def _fetch(self) -> ReadOnlyCredentials:
        with self._lock:
            if self._found is None:
                self._found = self._look_up()
            from botocore.exceptions import BotoCoreError, ClientError

            try:
                frozen: ReadOnlyCredentials = self._found.get_frozen_credentials()
            except (BotoCoreError, ClientError, OSError) as error:
                raise CredentialsUnavailable(
                    f"botocore could not refresh them ({type(error).__name__})",
                    where=f"S3Origin(bucket={self._origin.bucket!r})",
                    remedy="Look at the role, the instance metadata service or the profile that gives them.",
                ) from error
            self._frozen = frozen
            return frozen

    def _look_up(self) -> Any:
        if self._origin.access_key is not None:
            from botocore.credentials import Credentials

            return Credentials(self._origin.access_key, self._origin.secret_key, self._origin.session_token)
        found = new_session(self._origin).get_credentials()
        if found is None:
            raise CredentialsUnavailable(
                "botocore found no credentials",
                where=f"S3Origin(bucket={self._origin.bucket!r})",
                remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, or give access_key and"
                " secret_key to the origin.",
            )
        return found
