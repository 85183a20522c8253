"""The one value that both halves are made from: the hand-off headers and the NGINX text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xaccel.errors import OriginUnknown
from xaccel.site import buffer_setting
from xaccel.site.origins import LocalOrigin, Origin

MERGE: Literal["merge"] = "merge"

PROTOCOL = 1
"""The version of the hand-off between app and NGINX (docs/reference/protocol.md); it is bound to `internal_prefix`."""

CONDITION = re.compile(r"(?<= )if=\$[A-Za-z0-9_]+(?= |$)")
"""The condition of an `access_log`: one variable of the operator's."""

DEFAULT_CLASS = "default"
"""The class of concurrency that counts a transfer which names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Where NGINX keeps objects of origins that set `cache`.

    path: directory that NGINX's workers can write; only NGINX uses it.
    max_size: how large the cache may become, in NGINX's units, for example "2g"
        (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_path). An object that is larger is not
        cached as a whole.
    inactive: how long an object stays that nobody asks for, for example "1h".
    keys: memory for what is kept, in NGINX's units; 1 MB is for some 7,000 objects or slices, and where it is full,
        what was not asked for longest goes.
    min_free: what NGINX keeps free on the cache's disk by removing what was not asked for longest, since a full disk
        breaks downloads. It looks every ten seconds: the default is what comes in that time at 800 Mbit a second.
        Empty: no bound.
    valid: how long an object is kept without asking the origin, for example "1h".
    lock: how long those who ask for what another one is fetching wait for it; then they ask the origin themselves.
    slice: the parts in which an NGINX with the module `slice` fetches and keeps large objects, for example "4m"; "0"
        for whole objects only.
    slowest_rate: bytes a second of the slowest client whose download in slices must not outlive its signature.
    """

    path: str
    max_size: str = "2g"
    min_free: str = "1g"
    inactive: str = "1h"
    keys: str = "10m"
    valid: str = "1h"
    lock: str = "30s"
    slice: str = "4m"
    slowest_rate: int = 65536

    @property
    def slice_bytes(self) -> int:
        """The size of a slice; 0 where there are none."""
        return _bytes(self.slice)

    @property
    def max_bytes(self) -> int:
        """What the cache may hold. No object that is larger is kept as a whole."""
        return _bytes(self.max_size)


def _bytes(size: str) -> int:
    digits = size.rstrip("kKmMgG")
    return int(digits) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[size[len(digits) :].lower()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All origins with the options of NGINX.

    Build it with `read_mapping.read`, which checks everything; the constructor checks nothing.

    origins: by name; a name is lower case letters, digits, '-' and '_', 30 characters at most.
    secrets: one value, or two while it is rotated: the first is sent, all are taken by NGINX.
    name: empty for the only site of an NGINX; otherwise it is part of every name in the printed text.
    response_headers: names that a download may carry beside the library's own.
    transfer_log: file of NGINX's JSON log, with one entry for each transfer. Give an absolute path: a relative one is
        below NGINX's prefix, which on Debian is /usr/share/nginx, where logrotate does not look.
    access_logs: the operator's own `access_log` arguments, printed again in each location of ours; a condition is
        `if=$variable`.
    add_headers: name and value of the operator's own `add_header … always`, printed again likewise; or "merge": all
        such lines of outer levels, as they are (NGINX 1.29.3 and newer).
    error_pages: the operator's own pages, by status: files of HTML that NGINX's workers can read.
    resolver: addresses of DNS servers for NGINX; empty: names are looked up when NGINX starts.
    concurrency: transfers at once for one subject or key, in each class that an app may name; empty: no limit.
        `"default"` counts every transfer that names no class. A single number is that of "default".
    limit_rate: bytes a second for each transfer whose hand-off says nothing else; None: not limited.
    limit_rate_after: so many bytes of a transfer go out first at full speed.
    buffers: number and size of the buffers that NGINX has for each transfer, as in its `proxy_buffers`. What a
        slow client costs in memory is at most their product, an eighth of it and 56 KB; nothing goes to disk. Not for
        objects in slices: each slice that the origin sends has 128 KB until the transfer is over.
    recorded_parameters: query parameters of stored URLs whose values events and the audit trail record as they are,
        for example `id` of `get.php?id=7`. Other parameters are recorded as a keyed digest only, signatures not at all.
    """

    origins: Mapping[str, Origin] = field(hash=False)
    secrets: tuple[str, ...] = field(repr=False)
    name: str = ""
    response_headers: tuple[str, ...] = ()
    cache: Cache | None = None
    transfer_log: str = "xaccel.log"
    access_logs: tuple[str, ...] = ()
    add_headers: tuple[tuple[str, str], ...] | Literal["merge"] = ()
    error_pages: Mapping[int, str] = field(default_factory=dict, hash=False)
    resolver: tuple[str, ...] = ()
    concurrency: Mapping[str, int] = field(default_factory=dict, hash=False)
    limit_rate: int | None = None
    limit_rate_after: int = 0
    buffers: str = buffer_setting.DEFAULT
    recorded_parameters: tuple[str, ...] = ()

    @property
    def internal_prefix(self) -> str:
        """The path, "/" at both ends, under which all internal locations lie.

        Another PROTOCOL has another prefix: its hand-offs then find no location, and are not misread.
        """
        return f"/_xaccel_{self.name}/" if self.name else "/_xaccel/"

    @property
    def directories(self) -> dict[str, LocalOrigin]:
        """The origins that are directories, by name."""
        return {name: origin for name, origin in self.origins.items() if isinstance(origin, LocalOrigin)}

    @property
    def has_remote_origins(self) -> bool:
        """Whether NGINX asks anybody."""
        return len(self.directories) < len(self.origins)

    def origin(self, name: str) -> Origin:
        """Return the origin called `name`.

        Raises OriginUnknown when the site has none.
        """
        try:
            return self.origins[name]
        except KeyError:
            raise OriginUnknown(
                f"the site has no origin {name!r}",
                where="origin",
                remedy=f"Use one of: {', '.join(sorted(self.origins)) or '(none is configured)'}.",
            ) from None
