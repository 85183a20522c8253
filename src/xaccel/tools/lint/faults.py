"""The faults of a location that delivers from a storage, each with the id of its check in checks.toml."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from xaccel.site.protocol import REDIRECT_HEADER
from xaccel.tools.lint.configuration import VARIABLE
from xaccel.tools.lint.location import FetchLocation
from xaccel.tools.lint.tree import effective, lines_of

MAX_HEADERS_OF_S3 = 8192
"""Bytes (https://github.com/readthedocs/readthedocs.org/pull/13152)."""
_PRIVATE_NAMES = (
    ".local",
    ".localhost",
    ".internal",
    ".lan",
    ".svc",
    ".home.arpa",
    ".test",
    ".consul",
    ".intranet",
)

_S3_HEADERS = ("x-amz-id-2", "x-amz-request-id")


def faults(place: FetchLocation) -> Iterator[tuple[str, str]]:
    """Yield the faults of a location, each after its check."""
    for yields in (
        _of_the_host,
        _of_the_request,
        _of_the_response,
        _of_directives,
        _of_the_signature,
        _of_headers,
    ):
        yield from yields(place)


def _of_the_host(place: FetchLocation) -> Iterator[tuple[str, str]]:
    if not place.is_inside and place.has_chosen_host:
        yield "XA701", "can be requested by clients, and they choose its host"
    elif any(name.startswith(("http_", "cookie_")) for name in place.choosing):
        yield "XA701", "takes its host from a header of the client"
    elif place.has_chosen_host:
        yield "XA714", "takes its host from the path"
    if place.url.startswith("http://") and (plain := _public_host_of(place)):
        yield "XA715", f"requests {plain} over plain HTTP"
    addresses = [
        word for line in place.lines("resolver") for word in line.words[1:] if _is_public(_host(word))
    ]
    if addresses and place.has_variable_host:
        yield "XA716", f"asks the public resolver {', '.join(addresses)}"


def _of_the_request(place: FetchLocation) -> Iterator[tuple[str, str]]:
    sent = [name for name in ("cookie", "authorization") if not place.sets_header(name)]
    if sent and place.passes_headers:
        yield "XA702", f"sends the client's {' and '.join(sent)}"
    if place.has_variable_host:
        yield "XA705", "has a variable as host"
    elif place.value("proxy_http_version") != "1.1" or not place.sets_header("connection"):
        yield "XA705", 'has no `proxy_http_version 1.1` with `proxy_set_header Connection ""`'


def _of_the_response(place: FetchLocation) -> Iterator[tuple[str, str]]:
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


def _of_directives(place: FetchLocation) -> Iterator[tuple[str, str]]:
    is_signed_by_header = place.is_signed_by_auth_request
    for name, directive, value, is_needed in (
        ("XA703", "proxy_ssl_verify", "on", place.is_secure),
        ("XA704", "proxy_ssl_server_name", "on", place.is_secure),
        ("XA709", "proxy_max_temp_file_size", "0", place.value("proxy_buffering") != "off"),
        ("XA711", "error_log", "/dev/null", not is_signed_by_header),
        ("XA712", "proxy_pass_request_body", "off", True),
        ("XA713", "proxy_method", "GET", not (place.is_cached or is_signed_by_header)),
    ):
        if is_needed and value.lower() not in place.words(directive):
            yield name, f"has no `{directive} {value}`"


def _of_the_signature(place: FetchLocation) -> Iterator[tuple[str, str]]:
    configuration = place.configuration
    for line in place.lines("add_header"):
        if shown := place.private & {*VARIABLE.findall(" ".join(line.words[2:]))}:
            yield "XA717", f"sends ${min(shown)} to the client as {line.words[1]}"
    for line in place.lines("access_log"):
        words = configuration.log_formats.get(line.words[2], ()) if line.words[2:] else ()
        if shown := place.private & {*VARIABLE.findall(" ".join(words))}:
            yield "XA718", f"logs ${min(shown)} with the format {line.words[2]}"
    if names := sorted(place.decoded):
        yield "XA720", f"sends the decoded {', '.join(f'${name}' for name in names)} in the URL"
    key = place.value("proxy_cache_key")
    if place.is_cached and place.private and (not key or place.variables(key) & place.private):
        shown_key = (
            f"whose key has ${min(place.variables(key) & place.private)}"
            if key
            else "whose key has the query"
        )
        yield "XA721", f"has a cache {shown_key}"


def _of_headers(place: FetchLocation) -> Iterator[tuple[str, str]]:
    passed = [] if place.sets_header("x-forwarded-host") else ["X-Forwarded-Host"]
    if not place.sets_header("cookie") and _buffers_of(place) > MAX_HEADERS_OF_S3:
        passed.append(f"up to {_buffers_of(place) >> 10} KB of headers")
    if passed and place.passes_headers:
        yield "XA719", f"passes {' and '.join(passed)}"
    inner, outer = lines_of("add_header", place.path[-1]), effective("add_header", place.path[:-1])
    names = {line.words[1].lower() for line in inner if line.words[1:]}
    lost = [line.words[1] for line in outer if line.words[1:] and line.words[1].lower() not in names]
    if inner and lost and place.value("add_header_inherit") != "merge":
        yield "XA722", f"drops {', '.join(lost)} of the level around it"


def _buffers_of(place: FetchLocation) -> int:
    """Return how many bytes of headers NGINX accepts; the default is four times 8 KB."""
    number, size = [*place.value("large_client_header_buffers").split(), "4", "8k"][:2]
    found = re.fullmatch(r"(\d{1,9})([km]?)", size.lower())
    if not number.isdigit() or found is None:
        return 32 << 10
    return int(number[:9]) * (int(found[1]) << {"": 0, "k": 10, "m": 20}[found[2]])


def _public_host_of(place: FetchLocation) -> str:
    """Return the host of a URL whose requests may leave the private network; empty: they do not, or it is unknown."""
    host = place.host
    if VARIABLE.search(host):
        names = place.variables(host)
        is_known = all(place.configuration.is_placeholder(name) for name in names)
        return "" if is_known else "its host"
    servers = place.configuration.servers_of(host)
    return next((one for one in servers or [host] if _is_public(_host(one))), "")


def _host(address: str) -> str:
    bracketed = re.match(r"\[([^\]]+)\]", address)
    return bracketed[1] if bracketed else address.partition(":")[0]


def _is_public(host: str) -> bool:
    """Tell whether a host is outside of private networks. Names without a dot are those of a container network."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        is_private = host.endswith(_PRIVATE_NAMES) or host.rpartition(".")[2].isdigit()
        return "." in host and "{" not in host and "<" not in host and "=" not in host and not is_private
