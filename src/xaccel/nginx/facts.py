"""What the engine's files say, for the code, the documentation and the tests that need it as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from xaccel.buffer_setting import HEAD_KB, split
from xaccel.nginx.engine_files import FOLDER
from xaccel.nginx.probe import Nginx
from xaccel.origins import S3Origin
from xaccel.site import Site

FOLLOWED = (301, 302, 303, 307, 308)
"""Statuses of a redirect that is followed."""

MAX_REDIRECTS = 4
"""NGINX allows ten changes of location in one request: the hand-off, the entry, a second try without Range and the
error page need the others (tests/live/test_redirects.py)."""


@cache
def text(name: str) -> str:
    """Return one file of the engine."""
    return (FOLDER / f"{name}.conf").read_text(encoding="utf-8")


def private_headers() -> list[str]:
    """Return the names of the private headers that become variables, without `Xaccel-`."""
    found = re.findall(r"\$upstream_http_xaccel_(\w+);", text("locations/entry"))
    return ["auth", *(name.replace("_", "-") for name in found)]


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

_MEANINGS = {
    "v": "version of this line",
    "id": "transfer id, UUIDv7; empty where the hand-off had none",
    "origin": "name of the origin",
    "subject": "whom limits and audit mean",
    "method": "the client's method; NGINX itself asks with GET or HEAD",
    "protocol": "the client's protocol",
    "status": "what the client got; text, since an HTTP/0.9 answer is logged as 009",
    "body_bytes": "bytes of the body given to the client's connection; includes framing and `interim_bytes`",
    "interim_bytes": "bytes in `body_bytes` that are no body: NGINX's `100 Continue`; 0 or 25",
    "sent_length": "length that was announced; empty when chunked",
    "completion": "OK, or empty when the client or NGINX ended the transfer early; of a HEAD it says nothing",
    "range": "what the client asked for",
    "content_range": "what it was given",
    "etag": "validator of the object that was sent",
    "last_modified": "its date; a validator too, where it has no ETag",
    "framing": "length, chunked or unframed: how the client can tell the end of the body",
    "encoding": "coding in which bytes are counted",
    "size": "bytes of the object as the app knows them",
    "origin_status": "last status of the origin; empty for a directory and a cache hit",
    "origin_seconds": "time until the origin's last byte",
    "cache": "HIT, MISS, STALE …; empty when not cached",
    "why": "reason of a refusal or a failure; empty when all is well",
    "note": "the app's decision, where no row is written in the request; base64url",
    "end": "end of the transfer, seconds since 1970",
    "seconds": "from the client's first byte to the end",
    "ip": "the client's address as NGINX knows it",
}


def log_fields() -> list[tuple[str, str, str]]:
    """Return name, NGINX expression and meaning of each field of a log entry, in order."""
    found = re.findall(r'"(\w+)":("[^"]*"|[^,}]+)', text("maps/8-log").partition(";")[0])
    return [(name, expression, _MEANINGS[name]) for name, expression in found]


def hidden_headers() -> dict[str, list[str]]:
    """Return the response headers that stock NGINX hides, by the store that sends them."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text("locations/hide").partition("bucket_size 256;")[2].splitlines():
        name = line[2:] if line.startswith("# ") else name
        found.setdefault(name, []).extend(re.findall(r"proxy_hide_header (\S+);", line))
    return {store: headers for store, headers in found.items() if headers and "Xaccel-Auth" not in headers}


def hidden_prefixes() -> list[str]:
    """Return the beginnings of the response headers that headers-more removes."""
    return re.findall(r"\S+\*", text("locations/headers-more").partition("more_clear_headers")[2])


def strength(nginx: Nginx) -> str:
    """Name the means by which the store's headers are hidden: "njs", "headers-more" or "stock"."""
    return "njs" if nginx.njs else "headers-more" if nginx.headers_more else "stock"


NO_SLICES = (
    'this NGINX lacks the module `slice`: set "slice": "0" in CACHE. The app cannot see that no slices come, and signs'
    " for S3 as if they did: for as long as the slowest client would take, up to seven days, instead of `expires_s`."
)


def lacks_slices(site: Site, nginx: Nginx) -> bool:
    """Tell whether the app signs for slices that this NGINX does not make."""
    return (
        not nginx.slice
        and site.cache is not None
        and site.cache.slice_bytes > 0
        and any(isinstance(origin, S3Origin) and origin.cache for origin in site.origins.values())
    )


SHUTDOWN = "1h"
"""How long NGINX's workers go on with downloads after a reload or QUIT. A unit or manifest that ends NGINX waits as
long: systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`, Compose's `stop_grace_period`."""

CONNECTIONS = (
    "Each download takes two connections and two file descriptors, the client's and the origin's, for as long as the"
    " client takes. So for 2,000 at once on a worker: worker_connections 4096 or more, and worker_rlimit_nofile above."
)
SEND_BUFFER = (
    "For many slow clients add sndbuf=256k to your listen line: it bounds what the kernel holds of a download for each"
    " of them, by itself up to some MB. A log entry can count more than the client read: at most twice sndbuf, or the"
    " last number of net.ipv4.tcp_wmem without it, and the client's receive buffer (net.ipv4.tcp_rmem). sndbuf also"
    " bounds the speed of one download, to sndbuf a round trip: 256k at 100 ms are 2.5 MB/s."
)
OUTER_LIMIT = (
    "A limit_conn of your own on an outer level is counted first, and then NGINX counts no other: the site's limits"
    " do nothing, unless your key is empty for the app's location. Where it is, they count and yours does not."
)
_BESIDE_KB = 40
"""What a transfer holds beside its buffers, which with the allocator of musl take up to an eighth more than their size.
Measured (docs/explanation/performance.md)."""
_NJS_KB = 20
"""What njs holds of each request. This and what follows is measured in tests/live/test_memory.py."""
_KEPT_KB = 80
"""What is read again of an object that goes into the cache, where NGINX cannot send from the file itself."""
TLS_KB = 80
"""What a side with TLS costs."""


def memory_kb(buffers: str, *, njs: bool = False, kept: bool = False) -> int:
    """Return what a slow client costs at most, without TLS, in KB, on the build of NGINX that takes most."""
    count, size = split(buffers)
    more = (_NJS_KB if njs else 0) + (_KEPT_KB if kept else 0)
    return count * size * 9 // 8 + HEAD_KB + _BESIDE_KB + more
