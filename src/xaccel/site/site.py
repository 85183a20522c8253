"""A site: its origins, and how NGINX delivers their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xaccel.errors import OriginUnknown
from xaccel.site import readers, rules, url_query
from xaccel.site.origins import LocalOrigin, Origin
from xaccel.site.setting import Rule, described, option

PROTOCOL = 1
"""The version of the hand-off between app and NGINX (docs/extend/protocol.md); it is bound to `internal_prefix`."""

_UNITS = "{} is not in NGINX's units"
_SIZE, _TIME = r"[0-9]{1,9}[kKmMgG]?", r"[0-9]{1,6}[smhdwMy]?"
_A_TIME = Rule(re.compile(_TIME), _UNITS, 'Write for example "1h".')


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Where and how NGINX caches objects of origins with `cache`."""

    path: str = field(
        metadata=described(
            "NGINX keeps the cached objects in this directory. NGINX's workers must be able to write it.",
            check=rules.PATH,
        )
    )
    max_size: str = option(
        "2g",
        "The cache may grow to this size, in [NGINX's units](https://nginx.org/en/docs/syntax.html). A larger"
        " object is not cached whole.",
        check=Rule(re.compile(_SIZE), _UNITS, 'Write for example "20g".'),
    )
    min_free: str = option(
        "1g",
        "NGINX keeps this much space free on the cache's disk, since a full disk breaks downloads. It checks every"
        " ten seconds, and removes the least recently used objects. The default is what arrives in that time at"
        ' 800 Mbit/s. "" switches this off.',
        check=Rule(re.compile(f"(?:{_SIZE})?"), _UNITS, 'Write for example "1g".'),
    )
    inactive: str = option(
        "1h", "NGINX removes an object that was not requested for this time.", check=_A_TIME
    )
    keys: str = option(
        "10m",
        "NGINX uses this memory for the index of the cache. 1 MB is enough for some 7,000 objects or slices. When"
        " it is full, NGINX removes the least recently used ones.",
        check=Rule(
            re.compile(r"[1-9][0-9]{5,8}|(?:6[4-9]|[7-9][0-9]|[1-9][0-9]{2,5})[kK]|[1-9][0-9]{0,5}[mM]"),
            _UNITS,
            'Write for example "10m". NGINX does not start with less than 64k, and has no unit "g" here.',
        ),
    )
    valid: str = option(
        "1h", "NGINX sends a cached object for this time without a request to the origin.", check=_A_TIME
    )
    lock: str = option(
        "30s",
        "Clients wait up to this time for an object that NGINX is fetching for another client. After that they"
        " fetch it from the origin.",
        check=_A_TIME,
    )
    slice: str = option(
        "4m",
        "An NGINX with the module `slice` fetches and caches large objects in parts of this size."
        ' "0": whole objects only.',
        check=Rule(re.compile(r"[0-9]{1,9}[kK]?|[0-9]{1,3}[mM]"), _UNITS, 'Write for example "4m".'),
    )
    slowest_rate: int = option(
        65536,
        "The signature of an object in slices lasts as long as a client at this speed needs, in bytes a second.",
        check=rules.whole(1, 10**18, "a number of bytes a second"),
    )

    @property
    def slice_bytes(self) -> int:
        """The size of a slice; 0 where there are none."""
        return _bytes(self.slice)

    @property
    def max_bytes(self) -> int:
        """The size of the cache. Larger objects are not cached whole."""
        return _bytes(self.max_size)


def _bytes(size: str) -> int:
    digits = size.rstrip("kKmMgG")
    return int(digits) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[size[len(digits) :].lower()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All origins with the options of NGINX.

    Build it with `read_mapping.read`, which checks everything; the constructor checks nothing.
    """

    origins: Mapping[str, Origin] = field(
        hash=False,
        metadata=described(
            "The places where your files are, each with a name and [its options](settings.md#types-of-origins). A name"
            " has at most 30 lower case letters, digits, '-' and '_'.",
            example='{"documents": {"type": "s3", "bucket": "acme-documents"}}',
        ),
    )
    secrets: tuple[str, ...] = field(
        repr=False,
        metadata=described(
            "The app and NGINX share this secret, and NGINX refuses hand-offs without it. It has 32 to 128 letters,"
            " digits, '-' and '_'. While you rotate it, give a list of two: the app sends the first, NGINX"
            " accepts both.",
            read=readers.secrets,
            key="secret",
            example='"<32 or more letters, digits, - and _>"',
        ),
    )
    name: str = option(
        "",
        "The name of the site is a part of each name in the NGINX configuration. It has at most 12 lower case"
        " letters and digits.",
        check=Rule(
            re.compile(r"[a-z0-9]{0,12}"),
            "{} is not a name for a site",
            "Use lower case letters and digits, 12 at most.",
        ),
        example='"intranet"',
    )
    response_headers: tuple[str, ...] = option(
        (),
        "A download may have these response headers, besides those that xaccel sends itself.",
        read=readers.response_headers,
        example='["X-Robots-Tag", "Access-Control-Allow-Origin"]',
    )
    cache: Cache | None = option(  # noqa: RUF009
        None,
        "NGINX caches objects of origins with `cache` in a directory, with [these"
        " options](settings.md#fields-of-cache).",
        example='{"path": "/var/cache/nginx/xaccel", "max_size": "20g"}',
    )
    transfer_log: str = option(
        "xaccel.log",
        "NGINX writes one JSON entry for each transfer to this file. Give an absolute path: a relative one is"
        " below NGINX's prefix, which on Debian is /usr/share/nginx, where logrotate does not look.",
        check=rules.PATH,
        example='"/var/log/nginx/xaccel.log"',
    )
    access_logs: tuple[str, ...] = option(
        (),
        "xaccel repeats these arguments of your `access_log` directives in the locations of downloads, where NGINX"
        " does not inherit them. A condition is `if=$variable`.",
        check=rules.ACCESS_LOG,
        example='["/var/log/nginx/access.log combined"]',
    )
    add_headers: tuple[tuple[str, str], ...] | Literal["merge"] = option(
        (),
        "xaccel repeats these names and values of your `add_header … always` directives, which NGINX does not"
        ' inherit either. "merge" inherits all `add_header` of outer levels (NGINX 1.29.3 and newer).',
        read=readers.add_headers,
        example='[["Strict-Transport-Security", "max-age=31536000"]]',
    )
    error_pages: Mapping[int, str] = option(
        {},
        "NGINX sends these HTML files instead of its plain error pages, by status. NGINX's workers must be able to"
        " read them.",
        read=readers.error_pages,
        example='{404: "/srv/errors/missing.html"}',
    )
    resolver: tuple[str, ...] = option(
        (),
        "NGINX asks these DNS servers for the names of origins. Without them it asks those of the system. An NGINX"
        " before 1.27.3 uses the addresses that `config` and `refresh` find.",
        check=rules.DNS_SERVER,
        example='["127.0.0.53"]',
    )
    concurrency: Mapping[str, int] = option(
        {},
        "One subject or `concurrency_key` may have at most this number of transfers at once, in each class."
        ' "default" counts transfers without a class; a single number is its bound. Empty: no bound.',
        read=readers.concurrency,
        example='{"default": 8, "guests": 2}',
        optional=True,
    )
    limit_rate: int | None = option(
        None,
        "NGINX sends each transfer at most at this speed, in bytes a second. `None`: no limit.",
        check=rules.byte_count(1),
        example="10_000_000",
    )
    limit_rate_after: int = option(
        0,
        "NGINX sends this number of bytes at full speed before `LIMIT_RATE` begins.",
        check=rules.byte_count(0),
        example="5_000_000",
        optional=True,
    )
    buffers: str = option(
        rules.DEFAULT_BUFFERS,
        "Each transfer has this number and size of buffers, as in NGINX's `proxy_buffers`. A slow client costs at"
        " most their product, an eighth of it and 56 KB of memory, and nothing goes to disk. Objects in"
        " slices do not use them: each slice from the origin takes 128 KB until the transfer is over.",
        check=rules.BUFFERS,
        example='"8 64k"',
        optional=True,
    )
    recorded_parameters: tuple[str, ...] = option(
        (),
        "Events and the audit trail record the values of these query parameters of stored URLs, for example"
        " `id` of `get.php?id=7`. Other parameters are recorded as a keyed digest only, signatures not at all.",
        check=url_query.RECORDED_PARAMETER,
        example='["id"]',
    )

    @property
    def internal_prefix(self) -> str:
        """The path of all internal locations. Another PROTOCOL must have another one, so that none is misread."""
        return f"/_xaccel_{self.name}/" if self.name else "/_xaccel/"

    @property
    def directories(self) -> dict[str, LocalOrigin]:
        """The origins that are directories, by name."""
        return {name: origin for name, origin in self.origins.items() if isinstance(origin, LocalOrigin)}

    def origin(self, name: str) -> Origin:
        """Return the origin called `name`. Raises OriginUnknown when the site has none."""
        try:
            return self.origins[name]
        except KeyError:
            remedy = f"Use one of: {', '.join(sorted(self.origins)) or '(none is configured)'}."
            raise OriginUnknown(f"the site has no origin {name!r}", where="origin", remedy=remedy) from None
