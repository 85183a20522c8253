"""The faults of a location that delivers from a storage, each with the id of its check in checks.toml."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.site.protocol import REDIRECT_HEADER
from xaccel.tools.lint.location import FetchLocation

_S3_HEADERS = ("x-amz-id-2", "x-amz-request-id")


def faults(place: FetchLocation) -> Iterator[tuple[str, str]]:
    """Yield the faults of a location, each after its check."""
    if not place.is_inside and place.has_chosen_host:
        yield "XA701", "can be requested by clients, and they choose its host"
    sent = [name for name in ("cookie", "authorization") if not place.sets_header(name)]
    if sent and place.value("proxy_pass_request_headers") != "off":
        yield "XA702", f"sends the client's {' and '.join(sent)}"
    if place.has_variable_host:
        yield "XA705", "has a variable as host"
    elif place.value("proxy_http_version") != "1.1" or not place.sets_header("connection"):
        yield "XA705", 'has no `proxy_http_version 1.1` with `proxy_set_header Connection ""`'
    missing = [status for status in ("403", "404") if status not in place.words("error_page")]
    if place.value("proxy_intercept_errors") != "on":
        yield "XA706", "has no `proxy_intercept_errors on`"
    elif missing:
        yield "XA706", f"has no `error_page` for {' and '.join(missing)}"
    if passed := [name for name in _S3_HEADERS if name not in place.words("proxy_hide_header")]:
        yield "XA707", f"passes {', '.join(passed)}"
    if place.follows_anywhere:
        yield "XA708", "requests any URL that the storage redirects to"
    if REDIRECT_HEADER.lower() not in place.words("proxy_ignore_headers"):
        yield "XA710", "has no `proxy_ignore_headers X-Accel-Redirect`"
    for name, directive, value, is_needed in (
        ("XA703", "proxy_ssl_verify", "on", place.is_secure),
        ("XA704", "proxy_ssl_server_name", "on", place.is_secure),
        ("XA709", "proxy_max_temp_file_size", "0", place.value("proxy_buffering") != "off"),
        ("XA711", "error_log", "/dev/null", True),
        ("XA712", "proxy_pass_request_body", "off", True),
        ("XA713", "proxy_method", "GET", place.value("proxy_cache") in ("", "off")),
    ):
        if is_needed and value.lower() not in place.words(directive):
            yield name, f"has no `{directive} {value}`"
