"""What each location of ours says, whatever the NGINX around it says: the operator's settings must not leak in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from xaccel.errors import NginxError
from xaccel.nginx.emit import Directive, Raw, directive
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.site import CONDITION, MERGE, Site

_NO_TYPE = "xaccel/none"
"""A type that nothing has."""

_DOORS = (
    ("access", "allow", "all"),
    ("auth_basic", "auth_basic", "off"),
    ("mirror", "mirror", "off"),
)
_FILTERS = (
    ("gzip", "gzip", "off"),
    ("ssi", "ssi", "off"),
    ("charset", "charset", "off"),
    ("userid", "userid", "log"),
    ("headers", "expires", "off"),
)
"""Module, directive, value."""


SUBREQUEST = Raw("($request_length = 0)")
"""A condition: NGINX counts the bytes of a client's request, and none of a subrequest."""


def entry_guard(names: Names) -> Iterator[Directive]:
    """Generate the refusal of a jump past the origin's location: any backend may send `X-Accel-Redirect: @name`.

    A subrequest sets nothing: its variables are those of the request, which may be a download that runs.
    """
    yield Directive("if", (SUBREQUEST,), (directive("return", "404"),))
    yield admitted_only(names)


def admitted_only(names: Names) -> Directive:
    """Generate the refusal of a request that did not come through the location of an origin."""
    return Directive("if", (Raw(f"({names.var('admitted')} != $uri)"),), (directive("return", "404"),))


def logs(
    site: Site,
    names: Names,
    *,
    only: Raw | None = None,
    conditions: Mapping[int, Raw] = MappingProxyType({}),
    why: str = "",
) -> Iterator[Directive]:
    """Print where a transfer is logged. An access_log in a location silences those outside, so they are repeated.

    NGINX's messages about an origin hold the signed URL at every level below emerg (tests/live/test_secrets.py), so
    the reason of a failure stands in the JSON line instead. `only` is another condition for all lines, and
    `conditions` for those of the operator's that have one already, by their number.
    """
    yield directive(
        "access_log", site.log_path, names.plain("transfer"), Raw(f"if={only or names.var('handed_off')}")
    )
    for index, line in enumerate(site.access_logs):
        words = [Raw(word) if CONDITION.fullmatch(f" {word}", 1) else word for word in line.split()]
        if only is not None:
            words = [word for word in words if not word.startswith("if=")]
            if len(words) == 1:
                words.append("combined")  # NGINX takes a condition behind the name of a format only
            words.append(Raw(f"if={conditions.get(index, only)}"))
        yield directive("access_log", *words)
    yield directive("error_log", "/dev/null", "emerg", why=why)


def untouched_body(nginx: Nginx) -> Iterator[Directive]:
    """Print what keeps other filters away: they would take length and ranges from the answer, or read the file."""
    yield from no_filters(nginx, why="The file goes out as it is.")
    if nginx.gunzip:
        yield directive("gunzip", "off")
    yield directive("max_ranges", 1)
    yield directive("if_modified_since", "exact")


def no_filters(nginx: Nginx, *, why: str = "") -> Iterator[Directive]:
    """Print what keeps the operator's filters away. Those with types are not `*`: they see no type of ours."""
    for module, name, value in _FILTERS:
        if module not in nginx.lacks:
            yield directive(name, value, why=why)
            why = ""
    for present, name in ((nginx.sub, "sub_filter_types"), (nginx.addition, "addition_types")):
        if present:
            yield directive(name, _NO_TYPE)


def asked_already(nginx: Nginx) -> Iterator[Directive]:
    """Print what keeps the operator's doors for all pages from being opened anew at each change of location.

    He decided at the location that proxies to the app, where his settings stand. `allow all` alone opens nothing.
    """
    why = "Who may come in was decided before the app was asked: nothing of it is asked again."
    for module, name, value in _DOORS:
        if module not in nginx.lacks:
            yield directive(name, value, why=why)
            why = ""
    if nginx.auth_request:
        yield directive("auth_request", "off", why=why)


def file_alone(nginx: Nginx) -> Iterator[Directive]:
    """Print what keeps NGINX to the very file: gzip_static sends x.gz, another object, to whoever asks for x."""
    if nginx.gzip_static:
        yield directive("gzip_static", "off")
    yield directive("etag", "on")
    if "autoindex" not in nginx.lacks:
        yield directive("autoindex", "off")
    yield directive("log_not_found", "off")


def origin_alone(nginx: Nginx) -> Iterator[Directive]:
    """Print what undoes an operator's settings for his own proxying, as far as they change an answer or a rate."""
    yield directive(
        "proxy_pass_header",
        "X-Xaccel-None",
        why="No answer has this header. The line replaces such lines of an outer level, which would show what is"
        " hidden here.",
    )
    yield directive("proxy_force_ranges", "off")
    yield directive("proxy_limit_rate", 0)
    yield directive("proxy_ignore_client_abort", "off")
    if nginx.passes_trailers:
        yield directive("proxy_pass_trailers", "off")
    if nginx.sends_early_hints:
        yield directive(
            "early_hints",
            "0",
            why="A 103 of the storage could name pages to load, and NGINX would count it as body over HTTP/1.1.",
        )


def cache_alone() -> Iterator[Directive]:
    """Print NGINX's own defaults for what else an operator may have said about caching."""
    for name, *values in (
        ("proxy_cache_bypass", "0"),
        ("proxy_cache_methods", "GET", "HEAD"),
        ("proxy_cache_min_uses", "1"),
        ("proxy_cache_revalidate", "off"),
        ("proxy_cache_background_update", "off"),
        ("proxy_cache_max_range_offset", str(2**63 - 1)),
    ):
        yield directive(name, *values)


def repeated_headers(site: Site, nginx: Nginx) -> Iterator[Directive]:
    """Print the operator's own headers again: an add_header in a location drops those outside.

    Raises NginxError where the site merges and this NGINX cannot.
    """
    merges = site.add_headers == MERGE
    if nginx.merges_headers:
        yield directive("add_header_inherit", "merge" if merges else "on")
        yield directive("add_trailer_inherit", "off")
    elif merges:
        raise NginxError(
            f"NGINX {'.'.join(map(str, nginx.version))} cannot merge add_header lines (1.29.3 and newer can)",
            where='XACCEL["ADD_HEADERS"]',
            remedy='Name your lines: [["Strict-Transport-Security", "max-age=31536000"]].',
        )
    for name, value in () if site.add_headers == MERGE else site.add_headers:
        yield directive("add_header", name, value, "always")
