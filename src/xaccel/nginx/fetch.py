"""The location that asks an origin and sends what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xaccel.nginx import buffers, error_pages, guest, limits, slices
from xaccel.nginx.caching import Way, cache_directives, ways
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.entry import PRIVATE
from xaccel.nginx.hide_list import ALWAYS_HIDDEN, HIDDEN, WILDCARDS
from xaccel.nginx.names import Names, header_variable
from xaccel.nginx.pools import resolvers
from xaccel.nginx.probe import Nginx
from xaccel.nginx.transport import Group, Route, request_header_names, tls_directives
from xaccel.site import Site

_STRENGTH = {
    "njs": "Everything of the store is hidden by an allow-list (njs). It also refuses what cannot be the file.",
    "headers-more": "Headers of the store are hidden by prefix (headers-more) and by name. Names that are on neither"
    " list pass; an answer that is not HTTP/1.x passes as raw bytes. For an allow-list install njs.",
    "stock": "Headers of the store are hidden by name: stock NGINX has no allow-list. Names that are not on the list"
    " pass, user metadata (x-amz-meta-*) among them, and an answer that is not HTTP/1.x passes as raw bytes. For an"
    " allow-list install njs.",
}

_WHY = {
    Way.ASKED: "Asks the origin, and on its redirect enters itself again. Refused before a byte is sent: a URL that"
    " lies neither at the origin nor where the origin may lead.",
    Way.WHOLE: "The same for a whole object that is kept.",
    Way.SLICES: "The same for an object that is kept in slices, where the app says that its signature lasts. A later"
    " slice is asked for like the first one, with the same signature.",
}

_CONDITIONS = ("If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since")


def fetch_locations(site: Site, nginx: Nginx, names: Names, group: Group) -> Iterator[Directive]:
    """Print the fetch locations for one kind of transport, one for each way to fetch."""
    for way in ways(site, nginx):
        yield block(
            "location",
            names.location(f"{group.location}{way.value}"),
            inside=_fetch(site, nginx, names, way, group),
            why=_WHY[way],
        )


def _fetch(site: Site, nginx: Nginx, names: Names, way: Way, group: Group) -> Iterator[Directive]:
    yield from guest.entry_guard(names)
    if way is Way.SLICES:
        yield directive("set", names.var("first"), Raw("$slice_range"))
    yield directive("set", names.var("url"), names.var("next"))
    yield directive("set", names.var("hops"), phrase(f"{names.var('hops')}{names.var('hop')}"))
    yield Directive(
        "if",
        (Raw(f'({names.var("refusal")} ~ "^(?<{names.plain("refused")}>.+)$")'),),
        (directive("return", "502"),),
    )
    yield directive("set", names.var("asked"), "x")
    yield from slices.logs(site, names) if way is Way.SLICES else guest.logs(site, names)
    yield from limits.in_location(site, names)
    yield from _request(names, way, request_header_names(group.members))
    yield from _lookup(site, group.members)
    yield from tls_directives(group.tls, names)
    yield from _answer(nginx, names)
    yield from added_headers(site, nginx, names, local=False)
    yield from guest.untouched_body(nginx)
    yield from guest.asked_already(nginx)
    yield from buffers.in_fetch(site, njs=nginx.njs, slices=way is Way.SLICES, kept=way is Way.WHOLE)
    yield from buffers.patience()
    yield from cache_directives(site, names, way)
    if way is Way.SLICES:
        instead = names.var("instead")
        yield from error_pages.remote(names, again=instead, again_on=slices.LEAVES_ON, pages=instead)
    else:
        yield from error_pages.remote(names, again=names.location(f"{group.location}{way.value}"))


def strength(nginx: Nginx) -> str:
    """Name the means by which the store's headers are hidden: "njs", "headers-more" or "stock"."""
    return "njs" if nginx.njs else "headers-more" if nginx.headers_more else "stock"


_OF_THE_CLIENT = {
    Way.ASKED: "nothing of the client's but its range and its conditions",
    Way.WHOLE: "nothing of the client's, since what is kept is asked for whole",
    Way.SLICES: "nothing of the client's, since what is kept is asked for slice for slice",
}


def _request(names: Names, way: Way, header_names: Iterable[str]) -> Iterator[Directive]:
    yield directive(
        "proxy_pass",
        Raw(f"{names.var('slice_peer' if way is Way.SLICES else 'peer')}{names.var('path')}"),
        why=f"The request: {_OF_THE_CLIENT[way]}. No cookie, no authorization, no body.",
    )
    yield directive("proxy_method", names.var("ask"))
    yield directive("proxy_http_version", "1.1")
    yield directive("proxy_pass_request_headers", "off")
    yield directive("proxy_pass_request_body", "off")
    yield directive("proxy_set_header", "Host", names.var("host"))
    yield directive("proxy_set_header", "Connection", "")
    yield directive("proxy_set_header", "Content-Length", "")
    if way is Way.ASKED:
        yield directive("proxy_set_header", "Range", names.var("ask_range"))
        for header in _CONDITIONS:
            yield directive("proxy_set_header", header, names.var(header_variable(header)))
    if way is Way.SLICES:
        yield directive("proxy_set_header", "Range", names.var("slice_asked"))
    for name in header_names:
        yield directive("proxy_set_header", name.title(), names.var(f"fixed_{header_variable(name)}"))
    yield directive("proxy_connect_timeout", "5s")
    yield directive("proxy_send_timeout", "30s")
    yield directive("proxy_read_timeout", "30s")
    yield directive("proxy_socket_keepalive", "on")
    yield directive("proxy_next_upstream", "error", "timeout")
    yield directive("proxy_next_upstream_tries", 2)
    yield directive("proxy_redirect", "off")


def _lookup(site: Site, members: tuple[Route, ...]) -> Iterator[Directive]:
    """Print the DNS servers for redirect hosts that are only known by a suffix."""
    if any(host.startswith("*.") for route in members for host in route.origin.redirect_hosts):
        yield directive("resolver", *resolvers(site))
        yield directive("resolver_timeout", "5s")


def _answer(nginx: Nginx, names: Names) -> Iterator[Directive]:
    yield directive(
        "proxy_ignore_headers",
        *"X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset".split(),
        *"Cache-Control Expires Set-Cookie Vary".split(),
        why="The origin does not steer NGINX: an X-Accel-Redirect of its own would reach any internal location.",
    )
    if nginx.njs:
        yield directive("js_header_filter", f"{names.plain('njs')}.answer", why=_STRENGTH["njs"])
    elif nginx.headers_more:
        yield directive("more_clear_headers", *WILDCARDS, why=_STRENGTH["headers-more"])
    why = "" if strength(nginx) != "stock" else _STRENGTH["stock"]
    for name in (*(ALWAYS_HIDDEN if nginx.njs else HIDDEN), *(f"Xaccel-{name.title()}" for name in PRIVATE)):
        yield directive("proxy_hide_header", name, why=why)
        why = ""
    yield from guest.origin_alone(nginx)
    yield directive("proxy_headers_hash_max_size", 4096)
    yield directive("proxy_headers_hash_bucket_size", 256)


def added_headers(site: Site, nginx: Nginx, names: Names, *, local: bool) -> Iterator[Directive]:
    """Print the headers that the user sees. Without `always` they stand on 2xx and 3xx only.

    The two with it cover what no error_page can name: an origin that answers 499 or 600 and more.
    """
    stem = "file_" if local else "out_"
    yield directive(
        "add_header",
        "Content-Type",
        names.var("type") if local else names.var("out_type"),
        why="What the app decided; not on error pages.",
    )
    yield directive("add_header", "Content-Disposition", names.var("disposition"))
    yield directive("add_header", "Cache-Control", names.var("out_cache_control"), "always")
    yield directive("add_header", "Content-Security-Policy", names.var("out_csp"), "always")
    yield directive("add_header", "X-Content-Type-Options", "nosniff", "always")
    yield directive("add_header", "ETag", names.var(f"{stem}etag"))
    yield directive("add_header", "Last-Modified", names.var(f"{stem}last_modified"))
    for name in site.response_headers:
        yield directive("add_header", name, names.var(f"add_{header_variable(name)}"))
    yield from guest.repeated_headers(site, nginx)
