"""What each location of ours says, whatever the NGINX around it says: the operator's settings must not leak in."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx.emit import Directive, Raw, directive
from xaccel.nginx.names import Names
from xaccel.nginx.probe import Nginx
from xaccel.site import Site


def entry_guard(names: Names) -> Iterator[Directive]:
    """Print the refusal of a jump past the entry: any backend may send `X-Accel-Redirect: @name`."""
    yield directive("set", names.var("refused"), names.var("distrust"))
    yield Directive("if", (Raw(f"({names.var('refused')})"),), (directive("return", "404"),))


def logs(site: Site, names: Names, *, why: str = "") -> Iterator[Directive]:
    """Print where a transfer is logged. An access_log in a location silences those outside, so they are repeated.

    NGINX's messages about an origin hold the signed URL at every level below emerg (tests/live/test_secrets.py), so
    the reason of a failure stands in the JSON line instead.
    """
    yield directive(
        "access_log", site.log_path, names.plain("transfer"), Raw(f"if={names.var('handed_off')}")
    )
    for line in site.access_logs:
        yield directive("access_log", *line.split())
    yield directive("error_log", "/dev/null", "emerg", why=why)


def untouched_body(nginx: Nginx) -> Iterator[Directive]:
    """Print what keeps other filters away: they would take length and ranges from the answer, or read the file."""
    for name in ("gzip", "ssi", "charset", "expires"):
        yield directive(name, "off", **({"why": "The file goes out as it is."} if name == "gzip" else {}))
    if nginx.gunzip:
        yield directive("gunzip", "off")
    yield directive("max_ranges", 1)
    yield directive("if_modified_since", "exact")
    yield directive("limit_rate_after", 0)


def file_alone(nginx: Nginx) -> Iterator[Directive]:
    """Print what keeps NGINX to the very file: gzip_static sends x.gz, another object, to whoever asks for x."""
    if nginx.gzip_static:
        yield directive("gzip_static", "off")
    yield directive("etag", "on")
    yield directive("autoindex", "off")
    yield directive("log_not_found", "off")


def origin_alone() -> Iterator[Directive]:
    """Print what undoes an operator's settings for his own proxying, as far as they change an answer or a rate."""
    yield directive(
        "proxy_pass_header",
        "X-Xaccel-None",
        why="No answer has this header. The line replaces such lines of an outer level, which would show what is"
        " hidden here.",
    )
    yield directive("proxy_force_ranges", "off")
    yield directive("proxy_limit_rate", 0)


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


def repeated_headers(site: Site) -> Iterator[Directive]:
    """Print the operator's own headers again: an add_header in a location drops those outside."""
    for name, value in site.add_headers:
        yield directive("add_header", name, value, "always")
