"""A Site as NGINX text, in the parts that an existing configuration includes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xaccel.nginx import (
    cache_files,
    doubt,
    entry,
    error_pages,
    interrupted,
    limits,
    local,
    log_line,
    maps,
    peers,
    refusal,
    slices,
    steps,
    warm_server,
)
from xaccel.nginx.addresses import Lookup, system_lookup
from xaccel.nginx.emit import Directive, block, directive
from xaccel.nginx.fetch import fetch_locations
from xaccel.nginx.names import Names, names_of
from xaccel.nginx.pools import upstreams
from xaccel.nginx.probe import Nginx
from xaccel.nginx.transport import Route, groups, request_header_names, routes
from xaccel.site import Site

SCRIPT = Path(__file__).with_name("xaccel.js")
"""The njs code; NGINX reads it when it starts and reloads."""


_LONGEST_HIDDEN = 46 - len("Xaccel-")
"""A longer name does not fit proxy_headers_hash_bucket_size, which is the operator's here. Such a one is a header that
was declared for users."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The text, in parts.

    http: for the http level. server: for each server that sends downloads. app: for each location that proxies to the
    app. warm: a server for `xaccel warm`, for the http level behind the first part; empty where the site wants none.
    """

    http: tuple[Directive, ...]
    server: tuple[Directive, ...]
    app: tuple[Directive, ...]
    warm: tuple[Directive, ...] = ()


def render(
    site: Site,
    nginx: Nginx,
    *,
    script: str | None = None,
    write_addresses: bool = False,
    lookup: Lookup = system_lookup,
) -> Parts:
    """Make the text for `site` on `nginx`; `script` is where xaccel.js lies, if not in the package.

    Names of origins are left to an NGINX that can follow DNS; for one that cannot, and with `write_addresses`, their
    addresses are looked up now.

    Raises ConfigError where an S3 endpoint or the system's CA bundle cannot be found, NginxError for what cannot be
    quoted.
    """
    names, found = names_of(site), routes(site)
    wanted = lookup if write_addresses or not nginx.resolves_upstreams else None
    http = (*_script(nginx, names, script or str(SCRIPT)), *_http(site, nginx, names, found, wanted))
    server, app = tuple(_server(site, nginx, names, found)), tuple(_app(site, nginx))
    folder = site.cache.warm_directory if site.cache else None
    warm = tuple(warm_server.server(folder, nginx, app=app, downloads=server)) if folder else ()
    return Parts(http=http, server=server, app=app, warm=warm)


def _script(nginx: Nginx, names: Names, script: str) -> Iterator[Directive]:
    if nginx.njs:
        yield directive("js_import", names.plain("njs"), "from", script)


def _http(
    site: Site, nginx: Nginx, names: Names, found: tuple[Route, ...], lookup: Lookup | None
) -> Iterator[Directive]:
    yield log_line.log_format(names)
    yield from log_line.maps(names, remote=bool(found), kept=bool(found) and site.cache is not None)
    yield from maps.trust(site, names)
    yield from refusal.formats(site, names)
    yield from maps.answer(names)
    yield from maps.validators(names)
    yield from limits.maps(site, names)
    yield error_pages.range_map(names)
    if site.directories:
        yield from local.maps(names)
    if found:
        yield from error_pages.maps(names)
        yield from steps.maps(found, names)
        yield from maps.request(names, header_names=request_header_names(found))
        yield from maps.conditions(names)
        yield from doubt.maps(names, slices=slices.present(site, nginx))
        if site.cache is not None:
            yield from maps.caching(
                site.cache, names, zone=names.plain("cache"), present=slices.present(site, nginx)
            )
            yield from interrupted.maps(names, slices=slices.present(site, nginx))
        if slices.present(site, nginx):
            yield from slices.maps(site, names)
    if site.cache is not None:
        yield directive(
            "proxy_cache_path",
            site.cache.path,
            f"levels={cache_files.LEVELS}",
            f"keys_zone={names.plain('cache')}:{site.cache.keys}",
            f"max_size={site.cache.max_size}",
            *([f"min_free={site.cache.min_free}"] if site.cache.min_free else []),
            f"inactive={site.cache.inactive}",
            "use_temp_path=off",
            why="Objects of origins that allow it, for hand-offs that name an identity. keys_zone bounds how many"
            " objects and slices are kept, about 7,000 to the MB; max_size what they take of the disk"
            f"{', min_free what must stay free there' if site.cache.min_free else ''}. What was asked for longest ago"
            " goes first; `xaccel purge` removes what must go now.",
        )
    yield from upstreams(found, site, names, lookup)


def _server(site: Site, nginx: Nginx, names: Names, found: tuple[Route, ...]) -> Iterator[Directive]:
    kinds, header_names = groups(found), request_header_names(found)
    fetch = {route.name: group.location for group in kinds for route in group.members}
    destinations = peers.destinations(found, names)
    for route in found:
        yield entry.remote_location(
            route,
            site,
            names,
            fetch=fetch[route.name],
            header_names=header_names,
            destination=destinations[route.name],
        )
    for name, origin in site.directories.items():
        yield entry.local_location(name, origin.root, site, names)
    yield entry.entry_location(site, names)
    for group in kinds:
        yield from fetch_locations(site, nginx, names, group)
    if found and slices.present(site, nginx):
        yield slices.cut_location(site, names)
    if site.directories:
        yield local.file_location(site, nginx, names)
    yield from error_pages.locations(site, nginx, names)


def _app(site: Site, nginx: Nginx) -> Iterator[Directive]:
    yield directive(
        "proxy_buffer_size",
        "24k",
        why="A signed URL with a session token does not fit the default of 4k: NGINX would answer 502. With 32k an"
        " NGINX on musl would ask the system for memory at each request.",
    )
    yield directive("proxy_buffers", 8, "24k")
    yield directive("proxy_busy_buffers_size", "48k")
    yield directive("proxy_temp_file_write_size", "48k")
    yield directive(
        "proxy_ignore_client_abort",
        "on",
        why="A client that leaves before the app answers gets a log entry too, with status 499 and why client_left."
        " Without this line the hand-off is dropped, and its missing entry looks like a lost one.",
    )
    if nginx.sends_early_hints:
        yield directive(
            "early_hints",
            "0",
            why="NGINX would count a 103 in front of a download as body over HTTP/1.1. For your pages over HTTP/2 add"
            " beside this include: early_hints $http2;",
        )
    why = (
        "If this NGINX is ever told to ignore X-Accel-Redirect, the private headers still stay here."
        " These lines replace your own proxy_hide_header lines of an outer level: repeat those."
    )
    private = [*entry.PRIVATE, *(f"header-{name.lower()}" for name in site.response_headers)]
    for name in private:
        if len(name) > _LONGEST_HIDDEN:
            continue
        yield directive("proxy_hide_header", f"Xaccel-{name.title()}", why=why)
        why = ""


def app_block(address: str) -> Directive:
    """Print a pool for the app itself, for a whole configuration."""
    return block("upstream", "xaccel_app", inside=[directive("server", address), directive("keepalive", 32)])
