"""A site: its origins, and how NGINX delivers their files. settings.toml says what the settings mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from xaccel.errors import ConfigError, OriginUnknown
from xaccel.site import rules, url_query
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin
from xaccel.site.protocol import ARCHIVES, SIGN, TOKEN_HEADER
from xaccel.site.setting import option, problem

CLASS_OF_ARCHIVES = 8
"""Archives and ranges of archives that one subject may have at once, unless CONCURRENCY says another number."""

_SIZE = r"[0-9]{1,9}[kKmMgG]?"
_ORIGIN = r"[a-z0-9][a-z0-9_-]{0,29}"
_INCLUDE = r"(?:/[^\x00-\x1f\x7f$]*)?"
_is_time = rules.matches(r"[0-9]{1,6}[smhdwMy]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Where and how NGINX caches objects of origins with `cache`."""

    path: str = field(metadata={"ok": rules.is_path})
    max_size: str = option("2g", ok=rules.matches(_SIZE))
    min_free: str = option("1g", ok=rules.matches(f"(?:{_SIZE})?"))
    inactive: str = option("1h", ok=_is_time)
    keys: str = option(
        "10m",
        ok=rules.matches(r"[1-9][0-9]{5,8}|(?:6[4-9]|[7-9][0-9]|[1-9][0-9]{2,5})[kK]|[1-9][0-9]{0,5}[mM]"),
    )
    valid: str = option("1h", ok=_is_time)
    lock: str = option("30s", ok=_is_time)
    slice: str = option("4m", ok=rules.matches(r"[0-9]{1,9}[kK]?|[0-9]{1,3}[mM]"))
    slowest_rate: int = option(65536, ok=rules.is_positive, in_nginx=False)

    @property
    def slice_bytes(self) -> int:
        """The size of a slice; 0 where there are none."""
        return bytes_of(self.slice)

    @property
    def min_free_bytes(self) -> int:
        """The bytes that must stay free on the disk; 0 without `min_free`."""
        return bytes_of(self.min_free or "0")

    @property
    def max_bytes(self) -> int:
        """The size of the cache. Larger objects are not cached whole."""
        return bytes_of(self.max_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """Where NGINX sends requests to itself, and where they go on to: to the app."""

    app: str = field(metadata={"ok": rules.is_app_server})
    listen: str = option("127.0.0.1:9399", ok=rules.is_loopback)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives(Loopback):
    """How NGINX assembles ZIP archives of many objects: it requests templates from the app."""

    log: str = option("members.log", ok=rules.is_path)
    site_at_once: int = option(64, ok=rules.is_connection_limit)
    layouts: str = option("", ok=rules.matches(r"(?:/[^\x00]*)?"), in_nginx=False)
    proven: tuple[str, ...] = option((), ok=rules.matches(_ORIGIN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads(Loopback):
    """The paths for uploads, and the origins that take them."""

    paths: tuple[str, ...] = field(metadata={"ok": rules.is_app_path})
    origins: tuple[str, ...] = field(metadata={"ok": rules.matches(_ORIGIN)})
    at_once: int = option(8, ok=rules.is_positive, in_nginx=False)
    bytes_a_day: int | None = option(None, ok=rules.is_positive, in_nginx=False)
    resumable: str = option("", ok=rules.matches(r"(?:draft-15)?"), in_nginx=False)
    part_size: str = option(
        "8m", ok=rules.matches(r"(?:[5-9]|[1-9][0-9]{1,2})[mM]|[1-4][gG]"), in_nginx=False
    )
    site_at_once: int | None = option(None, ok=rules.is_positive, in_nginx=False)
    site_bytes_a_day: int | None = option(None, ok=rules.is_positive, in_nginx=False)

    @property
    def of_django(self) -> list[str]:
        """The options that are set and that only Django heeds: all that NGINX does not read."""
        own = [one for one in fields(self) if one.metadata.get("in_nginx") is False]
        return [one.name for one in own if getattr(self, one.name) != one.default]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants(Loopback):
    """How NGINX remembers hand-offs for a session: it requests them through itself."""

    paths: tuple[str, ...] = field(metadata={"ok": rules.is_app_path})
    folders: tuple[str, ...] = option((), ok=rules.is_app_folder)
    cookie: str = option("sessionid", ok=rules.matches(r"[A-Za-z0-9_.-]{1,64}"))
    max_grant: int = option(300, ok=range(1, 901).__contains__)
    folder: str = option("", ok=rules.matches(r"(?:/[A-Za-z0-9._-]+){0,9}"))
    nginx: tuple[str, ...] = option((), rules=rules.HTTP_URL, in_nginx=False)
    include: str = option("", ok=rules.matches(_INCLUDE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirects(Loopback):
    """The origins that the app may redirect to. paths: below which NGINX follows; without them, the app's middleware.

    app: of the paths; "" without them.
    """

    origins: tuple[str, ...] = field(metadata={"ok": rules.matches(_ORIGIN)})
    app: str = option("", ok=rules.is_app_server)
    paths: tuple[str, ...] = option((), ok=rules.is_app_path)
    allow_unsigned: tuple[str, ...] = option((), ok=rules.matches(_ORIGIN))
    head_signed_for: Literal["GET", "HEAD"] = option("GET")
    subject: str = option("", ok=rules.is_subject_header)
    include: str = option("", ok=rules.matches(_INCLUDE))


def bytes_of(size: str) -> int:
    """Return the number of bytes that NGINX means by a size such as "5g"."""
    digits = size.rstrip("kKmMgG")
    return int(digits) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[size[len(digits) :].lower()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All origins with the options of NGINX.

    Build it with `read_mapping.read`, which checks everything; the constructor checks nothing.
    """

    origins: Mapping[str, Origin] = field(hash=False)
    secrets: tuple[str, ...] = field(repr=False, metadata=rules.SECRETS)
    name: str = option("", ok=rules.matches(r"[a-z0-9]{0,12}"))
    response_headers: tuple[str, ...] = option((), ok=rules.declarable, whole=rules.NAMED_ONCE)
    cache: Cache | None = None
    transfer_log: str = option("xaccel.log", ok=rules.is_path)
    access_logs: tuple[str, ...] = option((), ok=rules.is_access_log)
    add_headers: tuple[tuple[str, str], ...] = option((), ok=rules.is_added_header)
    error_pages: Mapping[int, tuple[str, ...]] = option({}, ok=rules.is_error_page)
    resolver: tuple[str, ...] = option((), ok=rules.is_dns_server)
    concurrency: Mapping[str, int] = option(
        {}, wrap_single=lambda number: {rules.DEFAULT_CLASS: number}, ok=rules.is_class
    )
    limit_rate: int | None = option(None, ok=rules.is_positive)
    limit_rate_after: int = option(0, ok=rules.is_number)
    buffers: str = option(rules.DEFAULT_BUFFERS, ok=rules.are_buffers)
    log_decisions: bool = option(False, in_nginx=False)
    recorded_parameters: tuple[str, ...] = option((), rules=url_query.PARAMETER)
    allow_without_njs: bool = option(False, in_nginx=False)
    archives: Archives | None = None
    uploads: Uploads | None = None
    grants: Grants | None = None
    redirects: Redirects | None = None

    @property
    def stem(self) -> str:
        """The beginning of all names of the site in NGINX."""
        return f"xaccel_{self.name}" if self.name else "xaccel"

    @property
    def folder(self) -> str:
        """The folder of the site's own files, below the one with the engine."""
        return self.name or "site"

    @property
    def internal_prefix(self) -> str:
        """The path of all internal locations. Another PROTOCOL must have another one, so that none is misread."""
        return f"/_{self.stem}/"

    @property
    def directories(self) -> dict[str, LocalOrigin]:
        """The origins that are directories, by name."""
        return {name: origin for name, origin in self.origins.items() if isinstance(origin, LocalOrigin)}

    def loopback_host(self, name: str) -> str:
        """Return the name of a server to which NGINX sends requests. No DNS has it (RFC 6761 section 6.4)."""
        return f"{name}{f'-{self.name}' if self.name else ''}.invalid"

    @property
    def loopbacks(self) -> dict[str, Loopback]:
        """The settings for whose sake NGINX sends requests to itself, by their keys."""
        found = {
            "ARCHIVES": self.archives,
            "GRANTS": self.grants,
            "REDIRECTS": self.redirects if self.redirects and self.redirects.paths else None,
            "UPLOADS": self.uploads,
        }
        return {key: loopback for key, loopback in found.items() if loopback}

    @property
    def archive_host(self) -> str:
        """The URL of the assembler."""
        return f"http://{self.loopback_host(ARCHIVES)}"

    @property
    def grants_folder(self) -> str:
        """The folder of remembered hand-offs."""
        return (self.grants and self.grants.folder) or f"/run/{self.stem}-grants"

    @property
    def revocations_folder(self) -> str:
        """The folder of revocations, beside that of remembered hand-offs."""
        return f"{self.grants_folder}-revoked"

    def is_for_archives(self, path: str) -> bool:
        """Tell whether NGINX requests this path from the app to assemble an archive."""
        return self.archives is not None and path.startswith(f"{self.internal_prefix}{ARCHIVES}/")

    def is_for_signatures(self, path: str) -> bool:
        """Tell whether NGINX requests this path from the app to have the URL of an object in a folder signed."""
        return self.grants is not None and path.startswith(f"{self.internal_prefix}{SIGN}/")

    @property
    def assembler(self) -> dict[str, HTTPOrigin]:
        """The origin of archives, by its name: the assembler, which listens in the same NGINX. Empty without one."""
        if self.archives is None:
            return {}
        from xaccel.site.keys import nginx_token  # a worker without archives does not need it

        token = {TOKEN_HEADER: nginx_token(self.secrets[0])}
        origin = HTTPOrigin(
            base_url=f"{self.archive_host}/archive/",
            connect_to=(self.archives.listen,),
            request_headers=token,
        )
        return {ARCHIVES: origin}

    def log_problems(self) -> Iterator[ConfigError]:
        """Warn of a log below NGINX's prefix: right only where the prefix is the site's own (`nginx -p`)."""
        members = {'ARCHIVES["log"]': self.archives.log} if self.archives else {}
        for where, path in {"TRANSFER_LOG": self.transfer_log, **members}.items():
            if not path.startswith("/"):
                name = "transfers.log" if where == "TRANSFER_LOG" else "members.log"
                yield problem(where, "relative_log", path=path, name=name)

    def njs_problems(self) -> Iterator[ConfigError]:
        """Yield an error for each origin that needs njs: an HTTP server, which may be somebody else's.

        Buckets and directories are the site's own. Without njs NGINX passes what the server sends
        (docs/background/threats.md).
        """
        if not self.allow_without_njs:
            for name, origin in self.origins.items():
                if isinstance(origin, HTTPOrigin):
                    yield problem(f'ORIGINS["{name}"]', "without_njs")

    def origin(self, name: str) -> Origin:
        """Return the origin called `name`. Raises OriginUnknown when the site has none."""
        try:
            return self.origins[name] if name in self.origins else self.assembler[name]
        except KeyError:
            remedy = f"Use one of: {', '.join(sorted(self.origins)) or '(none is configured)'}."
            raise OriginUnknown(f"the site has no origin {name!r}", where="origin", remedy=remedy) from None
