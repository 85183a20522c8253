"""Revoke remembered grants on every NGINX of a site, and repeat it for one that could not be reached."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from xaccel.errors import OptionRefused, RevocationFailed
from xaccel.events import logger
from xaccel.features.grants.grant import key_of, settings_of
from xaccel.http_client.exchange import Exchange, Pairs, address_of, at_most, fetch
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import GRANTS, REVOKE, TOKEN_HEADER
from xaccel.site.site import Site

TIMEOUT_S = 1.0
"""For one NGINX. A site promises that a revocation is known everywhere within a second."""
_PAUSE_S = 0.25
_BUSY = 503
"""The status while old marks are removed (grants/remove_marks.py)."""
_BUSY_PAUSE_S = 0.02
_REASONS = {
    507: "status 507: it could not store the revocation, because its folder is full, has no inodes left, or belongs to"
    " another user"
}
_Place = tuple[str, tuple[tuple[str, int], ...]]


class Revocation:
    """One revocation, until every NGINX has it.

    missing: why each NGINX does not have it, by its name. Empty when it is done.
    """

    def __init__(self, site: Site, **named: str | None) -> None:
        grants = settings_of(site)
        given = {kind: value for kind, value in named.items() if value is not None}
        if not given or not all(isinstance(value, str) and value for value in given.values()):
            remedy = "Give user, session or tag, as text."
            raise OptionRefused("nothing to revoke is named", where="revoke", remedy=remedy)
        self._keys = [key_of(site, kind, value) for kind, value in given.items()]
        self._token = nginx_token(site.secrets[0])
        path = f"{site.internal_prefix}{REVOKE}/"
        own = f"http://{site.loopback_host(GRANTS)}{path}"
        # by the name of each NGINX: the URL of its location, without the key, and where to connect to
        self._left: dict[str, _Place] = {url: (f"{url.rstrip('/')}{path}", ()) for url in grants.nginx}
        self._left = self._left or {grants.listen: (own, (address_of(grants.listen),))}
        self._until = time.monotonic() + grants.max_grant
        self.missing: Mapping[str, str] = {}

    def send(self) -> bool:
        """Send it to every NGINX that does not have it. Return whether all have it."""
        with ThreadPoolExecutor(len(self._left)) as threads:
            reasons = dict(zip(self._left, threads.map(self._tell, self._left.values()), strict=True))
        self.missing = {name: reason for name, reason in reasons.items() if reason}
        self._left = {name: self._left[name] for name in self.missing}
        return not self._left

    def repeat(self) -> bool:
        """Send it again until all have it, or no grant can be left that it would end. Return whether all have it."""
        while time.monotonic() < self._until:
            time.sleep(_PAUSE_S)
            with suppress(RuntimeError):  # Python ends, and starts no thread
                if self.send():
                    return True
        logger.error("a revocation did not reach %s; its grants have ended by themselves", self._names())
        return False

    def failure(self) -> RevocationFailed:
        """Return the error that names each NGINX without it."""
        has_ended = time.monotonic() >= self._until
        then = "Its grants have ended" if has_ended else "It is repeated until its grants end"
        remedy = f"{then}. Check this NGINX, and `nginx` of GRANTS."
        return RevocationFailed(f"it did not reach {self._names()}", where="revoke", remedy=remedy)

    def _names(self) -> str:
        return ", ".join(f"{name} ({reason})" for name, reason in self.missing.items())

    def _tell(self, place: _Place) -> str:
        """Return why an NGINX does not have the revocation; "" if it does."""
        url, connect_to = place
        headers = ((TOKEN_HEADER, self._token), ("Content-Length", "0"), ("Connection", "close"))
        for key in self._keys:
            try:
                with at_most(TIMEOUT_S):
                    response = _post_until_stored(f"{url}{key}", headers, connect_to)
            except TimeoutError:
                return "timed out"
            if response.status != 200 or response.body != b"revoked":
                status = f"status {response.status}"
                return _REASONS.get(response.status, status) if response.status else response.problem
        return ""


def _post_until_stored(url: str, headers: Pairs, connect_to: Sequence[tuple[str, int]]) -> Exchange:
    """Return the response of an NGINX that is not busy with removing old marks."""
    while True:
        response = fetch(url, "POST", headers, connect_to, most_bytes=64)
        if response.status != _BUSY:
            return response
        time.sleep(_BUSY_PAUSE_S)


def revoke(
    site: Site, *, user: str | None = None, session: str | None = None, tag: str | None = None
) -> None:
    """End all grants of a user, a session or a tag immediately, on every NGINX of the site.

    Later requests are the app's to decide again. user: the `subject` of the calls.

    Raises RevocationFailed with the names of those NGINX that did not take it. It is then repeated in a thread, until
    they do, their grants have ended, or the process ends. A script calls the command `revoke`, which waits.
    """
    revocation = Revocation(site, user=user, session=session, tag=tag)
    if not revocation.send():
        threading.Thread(target=revocation.repeat, name="xaccel-revoke", daemon=True).start()
        raise revocation.failure()
