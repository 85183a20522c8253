"""Large objects in slices: each is fetched, kept and waited for on its own (ngx_http_slice_module).

The first slice belongs to the request itself, and fails as any other answer does. Each later one is a subrequest behind
a head that is sent already: where it fails nothing but cutting the transfer is right, and an error page's text would
stand in the middle of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx import guest
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.nginx.steps import FOLLOWED
from xaccel.origins import S3Origin
from xaccel.site import Site

LEAVES_ON = (*FOLLOWED, 416)
"""What the first slice is answered where the object is fetched without slices instead: a subrequest cannot follow a
redirect, and an empty object has no first slice."""


def present(site: Site, nginx: Nginx) -> bool:
    """Tell whether objects of this site are fetched in slices, where the app says that they may be."""
    return nginx.slice and _wanted(site)


def _wanted(site: Site) -> bool:
    return site.cache is not None and site.cache.slice_bytes > 0


NO_MODULE = (
    'this NGINX lacks the module `slice`: set "slice": "0" in CACHE. The app cannot see that no slices come, and signs'
    " for S3 as if they did: for as long as the slowest client would take, up to seven days, instead of `expires_s`."
)


def missed(site: Site, nginx: Nginx) -> bool:
    """Tell whether the app signs for slices that this NGINX does not make."""
    return (
        not nginx.slice
        and _wanted(site)
        and any(isinstance(origin, S3Origin) and origin.cache for origin in site.origins.values())
    )


def maps(site: Site, names: Names) -> Iterator[Directive]:
    """Print what becomes of a slice that is not delivered, and of one that is no slice."""
    yield _instead(names)
    yield _kept(names)
    yield from _torn(names)
    yield from _logged(site, names)


def _instead(names: Names) -> Directive:
    first, page = names.plain("first_range"), names.plain("page")
    return volatile_map(
        phrase(f"{names.var('first')}|$slice_range|$status"),
        names.var("instead"),
        (
            f"~^(?<{first}>[^|]+)\\|\\k<{first}>\\|000$",
            phrase(f"{names.var('sender')}{names.var('unsliced')}"),
        ),
        (
            f"~^(?<{first}_of_page>[^|]+)\\|\\k<{first}_of_page>\\|(?<{page}>[0-9]{{3}})$",
            phrase(names.location(f"${page}")),
        ),
        default=names.location("cut"),
        why="What follows a slice that was not delivered: for the first one a page, or the object without slices; for"
        " a later one the end, since its head is with the client.",
    )


def _kept(names: Names) -> Directive:
    total = names.plain("total")
    return volatile_map(
        phrase(f"{names.var('first')}|{names.var('size')}|$upstream_http_content_range"),
        names.var("no_slice"),
        ("~^[^|]+\\|\\|bytes ", ""),
        (f"~^[^|]+\\|(?<{total}>[0-9]+)\\|bytes [0-9-]+/\\k<{total}>$", ""),
        ("~^bytes=0-[0-9]+\\|[0-9]*\\|$", names.var("no_whole")),
        default="1",
        why="What is not kept: a slice of an object of another size than the app's; the whole, which an origin without"
        " ranges sends for a slice, but in the place of the first one.",
    )


def _torn(names: Names) -> Iterator[Directive]:
    torn, length = names.plain("torn"), names.plain("slice_length")
    yield volatile_map(
        phrase("$upstream_cache_status|$upstream_response_length|$upstream_http_content_length"),
        names.var("whole_slice"),
        ("~^(?:HIT|STALE|UPDATING|REVALIDATED)\\|", ""),
        (f"~\\|(?:[^|]*, )?(?<{length}>[0-9]+)\\|\\k<{length}>$", ""),
        (f"~^(?<{torn}>.+)$", ""),
        why="Whether a later slice came whole. NGINX does not look: it would put the next one behind what there is, and"
        " the file would lack a piece in its middle. The last line remembers a torn one by its capture.",
    )
    yield volatile_map(
        names.var("torn"),
        names.var("slice_peer"),
        ("", names.var("peer")),
        why="Behind a torn slice nothing can be asked for: the transfer is cut.",
    )


def _logged(site: Site, names: Names) -> Iterator[Directive]:
    yield volatile_map(
        phrase("$slice_range|$upstream_status"),
        names.var("logged"),
        ("~\\|$", names.var("whole_slice")),
        ("~^[^|]+\\|(?!(?:[^|]*, )?200$)[^:]*$", names.var("whole_slice")),
        default="1",
        why="When a line is written: for the transfer, not for a later slice, whose end is the moment to look at it.",
    )
    for index, condition in access_conditions(site):
        yield volatile_map(
            phrase(f"{names.var('logged')}|{condition}"),
            names.var(f"logged_{index}"),
            ("~^\\|", ""),
            ("~^1\\|0?$", ""),
            default="1",
        )


def access_conditions(site: Site) -> Iterator[tuple[int, str]]:
    """Return the conditions of the operator's own access_log lines, by their number."""
    for index, line in enumerate(site.access_logs):
        for word in line.split():
            if word.startswith("if="):
                yield index, word.removeprefix("if=")


def logs(site: Site, names: Names) -> Iterator[Directive]:
    """Print the logs of a location with slices, where the end of each slice is looked at."""
    conditions = {index: names.var(f"logged_{index}") for index, _ in access_conditions(site)}
    yield from guest.logs(site, names, only=names.var("logged"), conditions=conditions)
    yield directive("log_subrequest", "on")


def directives(site: Site, names: Names) -> Iterator[Directive]:
    """Print what makes slices of a location."""
    assert site.cache is not None
    yield directive("slice", site.cache.slice)
    yield directive(
        "keepalive_timeout",
        "5s",
        why="Where the last slice is torn nothing cuts the transfer, and a client of HTTP/1.1 waits so long for the"
        " rest.",
    )
    yield directive("proxy_cache_key", phrase(f"{names.var('cache_key')}$slice_range"))


def cut_location(site: Site, names: Names) -> Directive:
    """Print the end of a transfer whose later slice was not delivered."""
    return block(
        "location",
        names.location("cut"),
        inside=[
            *guest.logs(site, names),
            directive("recursive_error_pages", "on"),
            directive("error_page", "404", "=404", names.location("404")),
            guest.admitted_only(names),
            Directive("if", (Raw("($upstream_http_x_accel_redirect)"),), (directive("return", "204"),)),
            directive("set", names.var("refused"), "slice_failed"),
            directive("return", "444"),
        ],
        why="A later slice was not delivered: the client is cut off, and sees that the file is not whole. Another"
        " backend comes here by X-Accel-Redirect, and does nothing.",
    )
