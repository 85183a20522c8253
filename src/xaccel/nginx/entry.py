"""From the app's hand-off to the location that sends: what is asked, by whom, and whether it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xaccel.nginx import guest
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.names import Names, header_variable
from xaccel.nginx.transport import Route
from xaccel.origins import HTTPOrigin, S3Origin
from xaccel.site import Site

PRIVATE = (
    "auth id url method cache-key slices subject type disposition cache-control csp etag last-modified size note"
    " rate rate-after concurrency concurrency-key"
).split()
"""The private headers `Xaccel-…`. All but `auth` become variables: SSI of another backend can show a variable."""

_OF_THE_LOG = ("id", "subject", "note")


def remote_location(
    route: Route,
    site: Site,
    names: Names,
    *,
    fetch: str,
    header_names: Iterable[str],
    destination: Iterable[Directive],
) -> Directive:
    """Print the internal location of one remote origin; `destination` is what peers.py makes for it."""
    fixed = route.origin.request_headers if isinstance(route.origin, HTTPOrigin) else {}
    values = {name.lower(): value for name, value in fixed.items()}
    return block(
        "location",
        "=",
        f"{site.internal_prefix}{route.name}",
        inside=[
            directive("internal"),
            *_admission(names),
            directive("set", names.var("origin"), route.name),
            *destination,
            directive("set", names.var("hides_missing"), _hides_missing(route)),
            *(
                directive("set", names.var(f"send_{header_variable(name)}"), values.get(name, ""))
                for name in header_names
            ),
            *_jump(site, names, location=names.location(fetch)),
        ],
        why=f"Origin {route.name}. Without `internal` anybody could ask for it by its path.",
    )


def _admission(names: Names) -> Iterator[Directive]:
    """Generate the check of a hand-off, before anything is set; `admitted` binds what is set to this request."""
    yield Directive("if", (Raw(f"({names.var('distrust')})"),), (directive("return", "404"),))
    yield directive("set", names.var("admitted"), Raw("$uri"))


def _hides_missing(route: Route) -> str:
    return "1" if isinstance(route.origin, S3Origin) and route.origin.missing_as_403 else ""


def sender(site: Site, names: Names) -> Raw:
    """Name the location that sends, as the hand-off decides it: by the kind of origin, and by the way to fetch."""
    if site.cache is None or not site.has_remote_origins:
        return names.var("sender")
    return phrase(f"{names.var('sender')}{names.var('way')}")


def _jump(site: Site, names: Names, *, location: str) -> Iterator[Directive]:
    yield directive("client_max_body_size", 0, why="The app's location has taken the body.")
    yield directive("set", names.var("sender"), location)
    why = "A jump ends here if the client has reset its HTTP/2 stream: its log entry needs these."
    for name in _OF_THE_LOG:
        yield directive("set", names.var(name), Raw(f"$upstream_http_xaccel_{name}"), why=why)
        why = ""
    yield directive("set", names.var("refused"), "")
    yield from guest.logs(site, names)
    yield directive("recursive_error_pages", "on")
    yield directive("error_page", "404", "=404", names.location("refused"))
    yield directive("error_page", "418", "=", names.location("entry"))
    yield directive("return", "418")


def local_location(name: str, root: str, site: Site, names: Names) -> Directive:
    """Print the internal location of one directory."""
    return block(
        "location",
        Raw("^~"),
        f"{site.internal_prefix}{name}/",
        inside=[
            directive("internal"),
            *_admission(names),
            directive("set", names.var("origin"), name),
            directive("set", names.var("root"), root),
            *_jump(site, names, location=names.location("file")),
        ],
        why=f"Origin {name}, a directory. Without `internal` anybody could ask for its files by their path.",
    )


def entry_location(site: Site, names: Names) -> Directive:
    """Print the location that takes over the app's private headers."""
    sets = [
        directive(
            "set", names.var(name.replace("-", "_")), Raw(f"$upstream_http_xaccel_{name.replace('-', '_')}")
        )
        for name in PRIVATE
        if name != "auth"
    ]
    extra = [
        directive(
            "set",
            names.var(f"add_{header_variable(name)}"),
            Raw(f"$upstream_http_xaccel_header_{header_variable(name)}"),
        )
        for name in site.response_headers
    ]
    return block(
        "location",
        names.location("entry"),
        inside=[
            *guest.entry_guard(names),
            *sets,
            *extra,
            *(directive("set", names.var(name), "") for name in ("asked", "hops", "whole")),
            *guest.logs(
                site,
                names,
                why="NGINX's messages about an origin hold the signed URL at every level below emerg. The reason of a"
                " failure stands in the JSON line.",
            ),
            directive("recursive_error_pages", "on"),
            directive("error_page", "404", "=404", names.location("404")),
            directive("error_page", "418", "=", sender(site, names)),
            directive("return", "418"),
        ],
        why="The app's private headers are read here, before an origin's answer takes the place of the app's. The jump"
        " by 418 drops the app's Content-Type.",
    )
