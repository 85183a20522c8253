"""Make the NGINX configuration of a site: what differs from other sites, around includes of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from xaccel.buffer_setting import DEFAULT, split
from xaccel.cache.cache_files import LEVELS
from xaccel.errors import NginxError
from xaccel.nginx import engine_files as engine
from xaccel.nginx import warm_server
from xaccel.nginx.addresses import Lookup, system_lookup
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.facts import strength
from xaccel.nginx.includes import Includes
from xaccel.nginx.names import header_name, header_variable
from xaccel.nginx.pools import destination, leads, resolvers, upstreams
from xaccel.nginx.probe import Nginx
from xaccel.nginx.transport import Group, Route, groups, request_header_names, routes, tls_directives
from xaccel.options import UNLIMITED
from xaccel.origins import S3Origin
from xaccel.site import DEFAULT_CLASS, Cache, Site

_ZONE = "10m"
"""It holds 160,000 keys of up to 28 bytes at the same time, 80,000 of up to 92 and 20,000 of up to 255."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The configuration of a site, by the place of each part.

    engine, http: for the http level, in this order; the engine once for all sites. server: for each server that sends
    downloads. app: for each location that proxies to the app. warm: a server for `xaccel warm`, for the http level;
    empty without a `warm_directory`. files: files of its own, by path below the folder.
    """

    engine: tuple[Directive, ...]
    http: tuple[Directive, ...]
    server: tuple[Directive, ...]
    app: tuple[Directive, ...]
    warm: tuple[Directive, ...] = ()
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

    With `folder`, the engine and what several locations share are included from there. Without it, the engine is
    included from this package, and all else is in the parts. NGINX follows the DNS names of origins if it can.
    Otherwise, and with `write_addresses`, the addresses are looked up now.

    Raises ConfigError if an S3 endpoint or the system's CA bundle cannot be found, NginxError for invalid values.
    """
    return _Printer(
        site, nginx, folder, lookup if write_addresses or not nginx.resolves_upstreams else None
    ).parts()


class _Printer(Includes):
    def __init__(self, site: Site, nginx: Nginx, folder: str | None, lookup: Lookup | None) -> None:
        for module in nginx.lacks & {"access", "limit_conn"}:
            raise NginxError(
                f"this NGINX lacks the module `{module}`, which refuses downloads in subrequests",
                where="nginx",
                remedy=f"Use a build without --without-http_{module}_module.",
            )
        super().__init__(site, nginx, folder)
        self.routes, self.lookup = routes(site), lookup

    def parts(self) -> Parts:
        http, server = tuple(self.http()), tuple(self.server())
        hints = [self.engine("off/early_hints")] if self.nginx.sends_early_hints else []
        app = tuple(self.shared("app", [self.engine("app"), *hints]))
        warm: tuple[Directive, ...] = ()
        if self.site.cache and (sockets := self.site.cache.warm_directory):
            doors = [*self.doors(), self.engine("off/access"), *self.off_module("mirror")]
            warm = tuple(warm_server.server(sockets, doors=doors, app=app, downloads=server))
        return Parts(tuple(self.engine_parts()), http, server, app, warm, self.files)

    # The http level

    def http(self) -> Iterator[Directive]:
        site, names = self.site, self.names
        yield self.engine(engine.MARKER)
        if request_header_names(self.routes):
            yield from self.of_site("secret-headers", self.fixed_headers())
        if site.error_pages:
            pages = (directive(str(status), path) for status, path in site.error_pages.items())
            yield self.map("$status", f"${names.plain('pages')}", *pages, why="Your own pages.")
        for name in site.concurrency:
            yield from self.counted(name)
        if site.cache is not None:
            yield self.cache_path(site.cache)
        for index, condition in self.conditions():
            for slices in (False, True) if "_slices" in self.ways() else (False,):
                word = "$xaccel_is_sliced_transfer" if slices else "$request_length"
                no = [Directive(phrase(key), ("",)) for key in ("~^0?\\|", "~\\|0?$")]
                source, name = phrase(f"{word}|{condition}"), self.own_condition(index, slices=slices)
                yield self.map(source, name, *no, default="1")
        yield from upstreams(self.routes, site, names, self.lookup)

    def counted(self, name: str) -> Iterator[Directive]:
        """Count the transfers of one class. A transfer of an unknown class is one of the default class."""
        counted, variable = Raw("$xaccel_counted_for"), f"${self.names.plain(f'counted_{name}')}"
        if name == DEFAULT_CLASS:
            others = [other for other in (*self.site.concurrency, UNLIMITED) if other != name]
            rows = tuple(Directive(phrase(f"~^{other}$"), ("",)) for other in others)
            yield self.map("$xaccel_concurrency", variable, *rows, default=counted)
        else:
            yield self.map("$xaccel_concurrency", variable, Directive(phrase(f"~^{name}$"), (counted,)))
        yield directive(
            "limit_conn_zone", Raw(variable), f"zone={self.names.plain(f'at_once_{name}')}:{_ZONE}"
        )

    def cache_path(self, cache: Cache) -> Directive:
        return directive(
            "proxy_cache_path",
            cache.path,
            f"levels={LEVELS}",
            f"keys_zone={self.names.plain('cache')}:{cache.keys}",
            f"max_size={cache.max_size}",
            *([f"min_free={cache.min_free}"] if cache.min_free else []),
            f"inactive={cache.inactive}",
            "use_temp_path=off",
        )

    # The server level

    def server(self) -> Iterator[Directive]:
        site, names = self.site, self.names
        found = groups(self.routes)
        sender = {route.name: group.location for group in found for route in group.members}
        led = leads(self.routes, names)
        for route in self.routes:
            settings = self.remote_settings(route, sender[route.name])
            yield block(
                "location",
                "=",
                f"{site.internal_prefix}{route.name}",
                inside=[*self.handed_off(route.name), *destination(route, led[route.name], names), *settings],
                why=f"Origin {route.name}.",
            )
        for name, origin in site.directories.items():
            sets = [directive("set", Raw("$xaccel_root"), origin.root), *self.common_settings("file")]
            place = f"{site.internal_prefix}{name}/"
            inside = [*self.handed_off(name), *sets]
            yield block("location", Raw("^~"), place, inside=inside, why=f"Origin {name}, a directory.")
        yield block("location", names.location("entry"), inside=self.entry())
        for group in found:
            for way in self.ways():
                yield block(
                    "location", names.location(f"{group.location}{way}"), inside=self.fetch(group, way)
                )
        if site.directories:
            inside = [
                self.engine("locations/send"),
                self.engine("locations/file"),
                *self.limits(),
                *self.ending(),
            ]
            yield block("location", names.location("file"), inside=inside)
        if found:
            inside = [self.engine("locations/challenge"), *self.ending()]
            yield block("location", names.location("401"), inside=inside)
        if "_slices" in self.ways() and found:
            yield block(
                "location", names.location("cut"), inside=[self.engine("locations/cut"), *self.ending()]
            )
        yield block("location", names.location("page"), inside=self.page())

    def trusted(self) -> Iterator[Directive]:
        """Refuse a hand-off without the secret. It is compared as it is: any page with SSI can show a variable."""
        secrets = "|".join(map(re.escape, self.site.secrets))
        condition = Raw(f'($upstream_http_xaccel_auth !~ "^(?:{secrets})$")')
        refused = Directive("if", (condition,), (directive("return", 410),))
        return self.of_site("secret", [directive("set", Raw("$args"), "forged"), refused])

    def handed_off(self, name: str) -> Iterator[Directive]:
        yield from self.trusted()
        yield self.engine("locations/hand-off")
        yield from self.ending()
        yield directive("set", Raw("$xaccel_origin"), name)

    def fixed_headers(self) -> Iterator[Directive]:
        """Print the values of request headers, for URLs of the origin itself alone."""
        for header in request_header_names(self.routes):
            rows = []
            for route in self.routes:
                fixed = getattr(route.origin, "request_headers", {})
                values = {name.lower(): value for name, value in fixed.items()}
                if header in values:
                    rows.append(Directive(f'"1|{route.name}"', (values[header],)))
            yield self.map(phrase("$xaccel_at_home|$xaccel_origin"), header_name(self.names, header), *rows)

    def common_settings(self, location: str) -> Iterator[Directive]:
        site = self.site
        yield directive("set", Raw("$xaccel_sender"), self.names.location(location))
        if site.limit_rate:
            yield directive("set", Raw("$xaccel_site_rate"), site.limit_rate)
        if site.limit_rate_after:
            yield directive("set", Raw("$xaccel_site_rate_after"), site.limit_rate_after)

    def remote_settings(self, route: Route, location: str) -> Iterator[Directive]:
        cache = self.site.cache
        if isinstance(route.origin, S3Origin) and route.origin.missing_as_403:
            yield directive("set", Raw("$xaccel_hides_missing"), 1)
        yield from self.common_settings(location)
        if cache is not None:
            yield directive("set", Raw("$xaccel_zone"), self.names.plain("cache"))
            yield directive("set", Raw("$xaccel_cache_holds"), cache.max_bytes)

    def entry(self) -> Iterator[Directive]:
        yield from self.trusted()
        for name in map(header_variable, self.site.response_headers):
            yield directive("set", Raw(f"$xaccel_add_{name}"), Raw(f"$upstream_http_xaccel_header_{name}"))
        yield self.engine("locations/entry")
        yield from self.ending()

    def fetch(self, group: Group, way: str) -> Iterator[Directive]:
        cache = self.site.cache
        for name in ("send", f"ask{way.replace('_', '-')}"):
            yield self.engine(f"locations/{name}")
        common = self.fetch_in_common(group)
        yield from common if cache is None else self.of_site(group.location, common)
        if cache is None and self.site.buffers == DEFAULT:
            yield self.engine("locations/plain")
        else:
            for name in ["no-cache"] if cache is None else ["cache"] if way else ["cache", "cache-read"]:
                yield self.engine(f"locations/{name}")
            if way != "_slices":
                yield from self.buffers()
        if cache is not None and way:
            yield from self.cached(cache, way)
        yield from self.ending(slices=way == "_slices")

    def fetch_in_common(self, group: Group) -> Iterator[Directive]:
        """Print what the locations of a group have in common, however they fetch."""
        means = {"njs": ["njs"], "headers-more": ["hide", "headers-more"], "stock": ["hide"]}
        for name in ("fetch", *means[strength(self.nginx)]):
            yield self.engine(f"locations/{name}")
        yield from self.tls(group)
        for name in request_header_names(group.members):
            yield directive("proxy_set_header", name.title(), header_name(self.names, name))
        if any(host.startswith("*.") for route in group.members for host in route.origin.redirect_hosts):
            yield directive("resolver", *resolvers(self.site))
            yield directive("resolver_timeout", "5s")
        yield from self.limits()

    def buffers(self) -> Iterator[Directive]:
        if self.site.buffers == DEFAULT:
            yield self.engine("locations/buffers")
            return
        count, size = split(self.site.buffers)
        busy = f"{(count - 1) * size}k"
        yield directive("proxy_buffers", count, f"{size}k")
        yield directive("proxy_busy_buffers_size", busy)
        yield directive("proxy_temp_file_write_size", busy)

    def cached(self, cache: Cache, way: str) -> Iterator[Directive]:
        sliced = way == "_slices"
        if sliced:
            yield directive("slice", cache.slice)
        yield directive("proxy_cache_valid", 200, *([206] if sliced else []), cache.valid)
        yield directive("proxy_cache_lock_timeout", cache.lock)
        yield directive("proxy_cache_lock_age", cache.lock)

    def tls(self, group: Group) -> Iterator[Directive]:
        # an origin without TLS may lead to one with TLS
        if all(route.scheme == "http" and not route.origin.redirect_hosts for route in group.members):
            return
        own = group.tls.certificate or not group.tls.verify
        yield self.engine("locations/tls-own" if own else "locations/tls")
        yield from tls_directives(group.tls)

    def limits(self) -> Iterator[Directive]:
        """Print what all locations that send have of the site."""
        for name, number in self.site.concurrency.items():
            yield directive("limit_conn", self.names.plain(f"at_once_{name}"), number)
        if self.site.concurrency:
            yield self.engine("locations/limits")
        for name in self.site.response_headers:
            yield directive("add_header", name, Raw(f"$xaccel_add_{header_variable(name)}"))

    def page(self) -> Iterator[Directive]:
        if self.site.error_pages:
            yield directive("set", Raw("$xaccel_own_page"), Raw(f"${self.names.plain('pages')}"))
        yield self.engine("locations/page")
        if self.nginx.njs:
            yield self.engine("locations/page-njs")
        yield from self.ending()
