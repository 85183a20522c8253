"""Generate the NGINX configuration of a site: directives that depend on its settings, and includes of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xaccel.errors import NginxError
from xaccel.options import UNLIMITED
from xaccel.site import DEFAULT_CLASS, Site
from xaccel.site.origins import S3Origin
from xaccel.site.rules import DEFAULT_BUFFERS, split_buffers
from xaccel.tools.nginx import engine_files as engine
from xaccel.tools.nginx import error_pages
from xaccel.tools.nginx.archives import Assembler, member_origin
from xaccel.tools.nginx.digest import digest_location, unresolved_location
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, map_block, phrase, require_quotable
from xaccel.tools.nginx.grants import Remembering
from xaccel.tools.nginx.listener import Listener
from xaccel.tools.nginx.pools import (
    Lookup,
    Route,
    all_at_once,
    destination,
    names_of,
    placed,
    request_header_names,
    system_lookup,
    upstreams,
)
from xaccel.tools.nginx.printer import Printer, header_variable
from xaccel.tools.nginx.probe import Nginx
from xaccel.tools.nginx.redirects import Following
from xaccel.tools.nginx.uploads import Receiver

_ZONE = "10m"
"""It holds 160,000 keys of up to 28 bytes at the same time, 80,000 of up to 92 and 20,000 of up to 255."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The configuration of a site, by the place of each part.

    engine, http: for the http level, in this order; the engine once for all sites. server: for each server that sends
    downloads. app: for each location that proxies to the app. files: shared files, by path below the folder.
    """

    engine: tuple[Directive, ...]
    http: tuple[Directive, ...]
    server: tuple[Directive, ...]
    app: tuple[Directive, ...]
    files: dict[str, tuple[Directive, ...]] = field(default_factory=dict, hash=False)


def render(
    site: Site,
    nginx: Nginx,
    *,
    folder: str | None = None,
    write_addresses: bool = False,
    lookup: Lookup = system_lookup,
) -> Parts:
    """Make the configuration of `site` for `nginx`.

    With `folder`, the engine and shared files are included from there. Without it, the engine is included from this
    package, and all else is in the parts. NGINX follows the DNS names of origins if it can; otherwise, and with
    `write_addresses`, the addresses are looked up now.

    Raises ConfigError if an S3 endpoint or the system's CA bundle cannot be found, NginxError for invalid values.
    """
    looks_up = write_addresses or not nginx.has("server NAME resolve")
    return _PartsPrinter(site, nginx, folder, lookup if looks_up else None).parts()


class _PartsPrinter(Printer):
    """Make the parts of one site for one NGINX."""

    def __init__(self, site: Site, nginx: Nginx, folder: str | None, lookup: Lookup | None) -> None:
        if "access" not in nginx.modules:
            why = "without which users would get WWW-Authenticate of an origin"
            remedy = "Use a build without --without-http_access_module."
            raise NginxError(f"this NGINX lacks the module `access`, {why}", where="nginx", remedy=remedy)
        super().__init__(site, nginx, folder)
        names = names_of(self.routes) if lookup else []
        self.lookup = all_at_once(lookup, names) if lookup else None
        self.unresolved = [name for name in names if self.lookup and not self.lookup(name)]
        self.has_folders = site.grants is not None and bool(site.grants.folders)
        self.archives = Assembler(self, site.archives) if site.archives else None
        self.uploads = Receiver(self, site.uploads) if site.uploads else None
        self.remembering = Remembering(self, site.grants) if site.grants else None
        # without paths, the app follows its redirects
        self.following = Following(self, site.redirects) if site.redirects and site.redirects.paths else None

    def of_engine(self, *names: str) -> Iterator[Directive]:
        return (self.engine(f"locations/{name}") for name in names)

    def ways(self) -> tuple[str, ...]:
        """Return the endings of the names of fetch locations: as requested, whole, in slices."""
        cache = self.site.cache
        if cache is None:
            return ("",)
        return ("", "_whole", *(["_slices"] if "slice" in self.nginx.modules and cache.slice_bytes else []))

    def parts(self) -> Parts:
        maps = [self.engine(name) for name in engine.maps(self.nginx.modules)]
        script = directive("js_import", "xaccel", "from", f"{self.engine_folder}/{engine.SCRIPT}")
        first = [script] if "njs" in self.nginx.modules else []
        http, server = tuple(self.http()), tuple(self.server())
        return Parts((*first, *maps), http, server, tuple(self.app()), self.files)

    def http(self) -> Iterator[Directive]:
        site = self.site
        yield self.engine(engine.MARKER)
        yield from self.secret()
        if request_header_names(self.routes):
            yield from self.of_site("secret-headers", self.fixed_headers())
        if site.error_pages:
            yield from error_pages.maps(site.error_pages, site.stem)
        for name in site.concurrency:
            yield from self.counted(name)
        if site.cache is not None:
            cache = site.cache
            where = [cache.path, "levels=1:2", f"keys_zone={site.stem}_cache:{cache.keys}"]
            most = [f"max_size={cache.max_size}", *([f"min_free={cache.min_free}"] if cache.min_free else [])]
            kept = [f"inactive={cache.inactive}", "use_temp_path=off"]
            yield directive("proxy_cache_path", *where, *most, *kept)
        yield from upstreams(self.routes, site, self.lookup)
        listeners: list[Listener[Any] | None] = [
            self.archives,
            self.uploads,
            self.remembering,
            self.following,
        ]
        for listener in filter(None, listeners):
            yield from self.of_site(f"secret-{listener.name}", listener.http())

    def counted(self, name: str) -> Iterator[Directive]:
        """Count the transfers of one class. A transfer of an unknown class is one of the default class."""
        counted, variable = Raw("$xaccel_counted_for"), f"${self.site.stem}_counted_{name}"
        is_default = name == DEFAULT_CLASS
        classes = [each for each in (*self.site.concurrency, UNLIMITED) if (each == name) != is_default]
        rows = (Directive(phrase(f"~^{each}$"), ("" if is_default else counted,)) for each in classes)
        yield map_block("$xaccel_concurrency", variable, rows, default=counted if is_default else "")
        zone = f"{self.site.stem}_at_once_{name}:{_ZONE}"
        yield directive("limit_conn_zone", Raw(variable), f"zone={zone}")

    def server(self) -> Iterator[Directive]:
        stem = self.site.stem
        senders = {route.name: location for location, members in self.groups.items() for route in members}
        yield digest_location(self.site)
        yield from unresolved_location(self.site, self.unresolved)
        yield from self.hand_offs(senders)
        yield block("location", f"@{stem}_accept", inside=self.accepted())
        if self.remembering is not None:
            yield from self.of_site("secret-locations", self.remembering.server())
        if self.remembering is not None and self.has_folders:
            buckets = {route.name for route in self.routes if isinstance(route.origin, S3Origin)}
            for location in {senders[name]: None for name in senders if name in buckets}:
                yield self.location(f"sign_{location}", self.remembering.signed(location))
            yield self.location("signed", [*self.of_engine("send"), self.engine("grants/signed")])
        for location, members in self.groups.items():
            for way in self.ways():
                inside = self.fetch(location, members, way)
                yield self.location(f"{location}{way}", inside, slices=way == "_slices")
        if self.site.directories:
            yield self.location("file", [*self.of_engine("send", "file"), *self.limits()])
        if self.groups:
            yield self.location("401", self.of_engine("challenge"))
        if self.groups and "_slices" in self.ways():
            yield self.location("cut", self.of_engine("cut"))
        yield self.location("page", self.page())
        for led_through in (self.uploads, self.following):
            if led_through is not None:
                yield from self.of_site(f"secret-{led_through.name}-server", led_through.server())

    def hand_offs(self, senders: Mapping[str, str]) -> Iterator[Directive]:
        """Yield the location of each origin. senders: the fetch location of each that has a server, without stem."""
        prefix = self.site.internal_prefix
        # a hand-off to another name would otherwise be a request for the app, which could choose its $args
        yield block("location", Raw("^~"), prefix, inside=[directive("return", 404)])
        for route in self.routes:
            inside = self.handed_off(route.name, senders[route.name], destination(route))
            yield block("location", "=", f"{prefix}{route.name}", inside=inside)
            if self.has_folders and isinstance(route.origin, S3Origin):
                inside = self.handed_off(route.name, f"sign_{senders[route.name]}", destination(route))
                yield block("location", "=", f"{prefix}{route.name}/sign", inside=inside)
        for name, origin in self.site.directories.items():
            inside = self.handed_off(name, "file", [f" root={require_quotable(origin.root)}"])
            yield block("location", Raw("^~"), f"{prefix}{name}/", inside=inside)

    def location(self, name: str, inside: Iterable[Directive], *, slices: bool = False) -> Directive:
        inside = [*inside, *self.ending(slices=slices)]
        return block("location", f"@{self.site.stem}_{name}", inside=inside)

    def ending(self, *, slices: bool = False) -> Iterator[Directive]:
        """Yield the end of each location: modules and features that are switched off, and the log."""
        off = self.shared("off", self.off())
        return self.of_site("log-slices" if slices else "log", (*off, *self.log_lines(slices=slices)))

    def log_lines(self, *, slices: bool) -> Iterator[Directive]:
        """Yield the logs and headers, also the operator's: NGINX inherits none into a location that has some."""
        site = self.site
        mine = "$xaccel_is_sliced_transfer" if slices else "$xaccel_is_transfer"
        yield directive("access_log", site.transfer_log, "xaccel_transfer", Raw(f"if={mine}"))
        if not slices:
            yield directive("access_log", site.transfer_log, "xaccel_refusal", Raw("if=$xaccel_is_refusal"))
        # $request_length is 0 in a subrequest: only the site's own log has its refusal
        yield from self.outer_lines(mine if slices else "$request_length")

    def secret(self) -> Iterator[Directive]:
        """Compare the secret of a hand-off as it is in the app's response: any page with SSI can show a variable."""
        secrets = "|".join(map(re.escape, self.site.secrets))
        word = phrase(f"trusted site={self.site.stem.removeprefix('xaccel')}")
        rows, name = [Directive(phrase(f"~^(?:{secrets})$"), (word,))], f"${self.site.stem}_trust"
        return self.of_site("secret", [map_block("$upstream_http_xaccel_auth", name, rows, default="forged")])

    def handed_off(self, name: str, sender: str, settings: Iterable[str]) -> Iterator[Directive]:
        """Yield the location of an origin: its settings, for `accepted`."""
        stem = self.site.stem
        yield from placed("$xaccel_place", f"${stem}_trust origin={name} sender=@{stem}_{sender}", settings)
        if self.remembering is not None:
            yield from self.of_site("revoked", self.remembering.revoked())
        yield from self.of_engine("hand-off")
        # NGINX ends a request here, and logs it, if the client has left
        yield from self.ending()

    def accepted(self) -> Iterator[Directive]:
        """Yield the location that accepts a hand-off, the same for all origins of the site."""
        site = self.site
        yield directive("set", Raw("$xaccel_place"), phrase(f"${site.stem}_trust $xaccel_place"))
        yield from self.of_engine("accept")
        if site.cache is not None:
            yield directive("set", Raw("$xaccel_zone"), f"{site.stem}_cache")
            yield directive("set", Raw("$xaccel_cache_holds"), site.cache.max_bytes)
        if site.limit_rate:
            yield directive("set", Raw("$xaccel_site_rate"), site.limit_rate)
        if site.limit_rate_after:
            yield directive("set", Raw("$xaccel_site_rate_after"), site.limit_rate_after)
        for name in map(header_variable, site.response_headers):
            yield directive("set", Raw(f"$xaccel_add_{name}"), Raw(f"$upstream_http_xaccel_header_{name}"))
        yield from self.of_engine("decision")
        yield from self.ending()

    def fixed_headers(self) -> Iterator[Directive]:
        """Yield the values of fixed request headers. They are sent to the origin, not where it redirects."""
        for header in request_header_names(self.routes):
            rows = []
            for route in self.routes:
                if value := route.request_headers.get(header):
                    names = [
                        route.name,
                        *([member_origin(self.site, route.name)] if self.site.archives else []),
                    ]
                    rows += [Directive(f'"1|{name}"', (value,)) for name in names]
            yield map_block(phrase("$xaccel_at_origin|$xaccel_origin"), self.fixed(header), rows)

    def fetch(self, location: str, members: list[Route], way: str) -> Iterator[Directive]:
        cache, common = self.site.cache, self.fetch_in_common(members)
        yield from self.of_engine("send", f"ask{way.replace('_', '-')}")
        if cache is None:
            yield from (*common, *self.of_engine("no-cache"))
        else:
            yield from self.of_site(location, common)
            yield from self.of_engine("cache", *([] if way else ["cache-read"]))
        if way != "_slices":
            yield from self.buffers()
        if cache is None or not way:
            return
        if way == "_slices":
            yield directive("slice", cache.slice)
        yield directive("proxy_cache_valid", 200, *([206] if way == "_slices" else []), cache.valid)
        yield directive("proxy_cache_lock_timeout", cache.lock)
        yield directive("proxy_cache_lock_age", cache.lock)

    def fetch_in_common(self, members: list[Route]) -> Iterator[Directive]:
        """Yield the directives of all fetch locations of a group."""
        means = {"njs": ["njs"], "headers-more": ["hide", "headers-more"], "stock": ["hide"]}
        yield from self.of_engine("fetch", *means[self.nginx.hides_by])
        yield from self.connection(members)
        yield from self.limits()

    def buffers(self) -> Iterator[Directive]:
        if self.site.buffers == DEFAULT_BUFFERS:
            yield from self.of_engine("buffers")
            return
        count, size = split_buffers(self.site.buffers)
        busy = f"{(count - 1) * size}k"
        yield directive("proxy_buffers", count, f"{size}k")
        yield directive("proxy_busy_buffers_size", busy)
        yield directive("proxy_temp_file_write_size", busy)

    def limits(self) -> Iterator[Directive]:
        """Yield the site's directives for all locations that send files."""
        for name, number in self.site.concurrency.items():
            yield directive("limit_conn", f"{self.site.stem}_at_once_{name}", number)
        if self.site.concurrency:
            yield from self.of_engine("limits")
        for name in self.site.response_headers:
            yield directive("add_header", name, Raw(f"$xaccel_add_{header_variable(name)}"))

    def page(self) -> Iterator[Directive]:
        if self.site.error_pages:
            yield directive("set", Raw("$xaccel_own_page"), Raw(f"${self.site.stem}_pages"))
        yield from self.of_engine("page", *(["page-njs"] if "njs" in self.nginx.modules else []))
