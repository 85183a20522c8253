"""What the engine's files say, for the code that needs it as values, and what an operator must know of NGINX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from xaccel.nginx.engine_files import FOLDER
from xaccel.nginx.probe import Nginx

FOLLOWED = (301, 302, 303, 307, 308)
"""Statuses of a redirect that is followed."""

MAX_REDIRECTS = 4
"""NGINX allows ten changes of location in one request: the hand-off, a second try without Range and the error page
need the others (tests/live/test_redirects.py)."""


@cache
def text(name: str) -> str:
    """Return one file of the engine."""
    return (FOLDER / f"{name}.conf").read_text(encoding="utf-8")


def crooked_paths() -> list[str]:
    """Return the expressions of paths that a redirect may not name, without case."""
    block = text("maps/3-where").partition("$xaccel_crooked {")[2].partition("\n}")[0]
    return re.findall(r'"~\*(.+)" 1;', block)


@dataclass(frozen=True, slots=True)
class Page:
    """One status that users see instead of a file.

    origin: statuses of an origin, or of NGINX about it, that lead here.
    """

    status: int
    origin: tuple[int, ...]

    @property
    def text(self) -> str:
        """The page, with `\\n` as NGINX spells it."""
        return _page_map("page_text")[self.status]

    @property
    def retry_after_s(self) -> int | None:
        """Seconds of the header Retry-After."""
        found = _page_map("retry_after").get(self.status)
        return int(found) if found else None


@cache
def _page_map(name: str) -> dict[int, str]:
    block = text("maps/7-pages").partition(f"$xaccel_{name} {{")[2].partition("}")[0]
    rows = re.findall(r'^ *(\d+|default) "?(.*?)"?;$', block, re.MULTILINE)
    return {502 if status == "default" else int(status): value for status, value in rows}


PAGES: tuple[Page, ...] = (
    Page(404, (404, 410)),
    Page(412, (412,)),
    Page(416, (416,)),
    Page(429, ()),
    Page(503, (429, 503)),
    Page(504, (504,)),
    Page(502, ()),
)
"""Every other status from 300 to 599 but 304 leads to 502. NGINX lets no error_page name 499 or 600 and more: with njs
such a response is cut, without it passes with a sandbox (tests/live/test_errors.py)."""


def strength(nginx: Nginx) -> str:
    """Name the means by which the store's headers are hidden: "njs", "headers-more" or "stock"."""
    return "njs" if nginx.njs else "headers-more" if nginx.headers_more else "stock"


SHUTDOWN = "1h"
"""How long NGINX's workers go on with downloads after a reload or QUIT. A unit or manifest that ends NGINX waits as
long: systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`, Compose's `stop_grace_period`."""

CONNECTIONS = (
    "Each download takes two connections and two file descriptors, the client's and the origin's, for as long as the"
    " client takes. So for 2,000 at once on a worker: worker_connections 4096 or more, and worker_rlimit_nofile above."
)
SEND_BUFFER = (
    "For many slow clients, add sndbuf=256k to your listen line: the kernel then buffers at most 576 KB of a download,"
    " instead of some MB. It also limits a download to sndbuf per round trip: 2.5 MB/s at 100 ms. A log entry can count"
    " bytes that the client did not read: up to the sum of the send buffer (twice sndbuf plus 64 KB, or the last number"
    " of net.ipv4.tcp_wmem) and the client's receive buffer (net.ipv4.tcp_rmem)."
    ' With XACCEL_AUDIT["SEND_BUFFER"] = 262144 (sndbuf in bytes), interrupted transfers have `arrived_at_least`.'
)
HEAD = tuple(FOLDER.with_name("http-head.txt").read_text(encoding="utf-8").splitlines())
"""What http.conf says to the operator."""
