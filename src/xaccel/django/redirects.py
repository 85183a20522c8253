"""Where an origin may lead the development server: as far as it may lead NGINX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request

from xaccel.nginx.steps import MAX_REDIRECTS
from xaccel.origins import HTTPOrigin, RemoteOrigin

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Redirects(HTTPRedirectHandler):
    """Follows as NGINX does: a few, to the origin itself and its redirect hosts, fixed headers to the origin only."""

    max_redirections = MAX_REDIRECTS

    def __init__(self, origin: RemoteOrigin, target: str, conditions: Mapping[str, str]) -> None:
        self._origin, self._first, self._conditions = origin, urlsplit(target), conditions

    def redirect_request(  # noqa: PLR0917
        self, req: Request, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> Request | None:
        """Return the next request, or None for a place that the origin may not lead to."""
        try:
            there = urlsplit(newurl)
            at_home = _place(there) == _place(self._first)
        except ValueError:
            # An error from here would leave the answer, and its socket, open.
            return None
        if there.username is not None or not (at_home or self._may_lead_to(there)):
            return None
        fixed = self._origin.request_headers if at_home and isinstance(self._origin, HTTPOrigin) else {}
        return Request(newurl, headers={**self._conditions, **fixed}, method=req.get_method())  # noqa: S310

    def _may_lead_to(self, there: SplitResult) -> bool:
        if self._first.scheme == "https" != there.scheme:
            return False
        scheme, host, port = _place(there)
        default = f":{_DEFAULT_PORTS.get(scheme, 0)}"
        authority = f"{host}:{port}".removesuffix(default)
        return any(
            authority.endswith(allowed.removesuffix(default)[1:])
            if allowed.startswith("*.")
            else authority == allowed.removesuffix(default)
            for allowed in self._origin.redirect_hosts
        )


def _place(url: SplitResult) -> tuple[str, str, int]:
    host = url.hostname or ""
    return url.scheme, f"[{host}]" if ":" in host else host, url.port or _DEFAULT_PORTS.get(url.scheme, 0)
