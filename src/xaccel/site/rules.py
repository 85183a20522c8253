"""The values of settings that NGINX, DNS and the stores accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xaccel.errors import HeaderRefused, OptionRefused
from xaccel.options import UNLIMITED
from xaccel.site.setting import Wrong, wrong

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""The secret of the documentation and the examples. Everybody who knows it could forge a hand-off."""
DEFAULT_CLASS = "default"
"""The class of concurrency that counts a transfer which names none."""
MAX_EXPIRES_S = 7 * 24 * 3600
"""Of a signature (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)."""
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""A bucket of any store; Amazon's own rules are narrower."""
SSE_C = "x-amz-server-side-encryption-customer-"
"""How the names of the headers begin (lower case) that bring the client's own key (SSE-C)."""
DEFAULT_BUFFERS = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_TEXT = r"[^\x00-\x1f\x7f$]*"
"""NGINX has no escape for "$" and control characters."""
_URL = re.compile(r"(?i:https?)://([A-Za-z0-9.\[\]:-]+)(?:/[!$->@-~]*)?")
_PAGE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,19}")
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")

OWNED_RESPONSE_HEADERS = frozenset(
    (
        "accept-ranges age allow cache-control connection content-disposition content-encoding content-length "
        "content-location content-range content-type date etag expires keep-alive last-modified location "
        "proxy-authenticate refresh server set-cookie set-cookie2 te trailer transfer-encoding upgrade via "
        "www-authenticate x-content-type-options "
    ).split()
)
"""Names (lower case) that NGINX or a hand-off option decides, so that a site cannot declare them."""

FORBIDDEN_REQUEST_HEADERS = frozenset(
    (
        "accept-encoding connection content-length cookie expect host if-match if-modified-since "
        "if-none-match if-range if-unmodified-since keep-alive proxy-connection range te trailer "
        "transfer-encoding upgrade user-agent via "
    ).split()
)
"""Names (lower case) that cannot be a fixed request header of an origin."""

_STATUSES = {str(status): status for status in (404, 412, 416, 429, 502, 503, 504)}
"""Those that a download can end with; in a file, keys are text."""
_MOST_AT_ONCE = 65535
"""NGINX counts in 16 bits (ngx_http_limit_conn_module.c)."""
_LEAST_FIXED, _LONGEST = 3, 63
"""Letters and digits of a pattern of buckets, and its length."""


def matches(pattern: str) -> Callable[[str], object]:
    """Return the test for text that a regular expression matches as a whole."""
    return re.compile(pattern).fullmatch


def is_within(least: int, most: int) -> Callable[[float], bool]:
    """Return the test for a number."""
    return lambda value: least <= value <= most


is_path = matches(rf"(?!off\Z)(?=.*\S){_TEXT}")
is_access_log = matches(rf"(?!off\Z|(?:.*\s)?if=)(?=.*\S){_TEXT}")
is_absolute = matches(rf"/{_TEXT}")
"""NGINX resolves other paths from its own folder."""
is_root = matches(rf"/(?!(?:.*/)?\.\.(?:/|\Z)){_TEXT}")


def is_address(host: str) -> bool:
    """Tell whether `host` is an IP address, one of IPv6 with or without its brackets."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def host_ok(host: str) -> bool:
    """Tell whether NGINX and DNS take `host`: an address, one of IPv6 in brackets, or a name (RFC 1035)."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return is_address(host) and host.startswith("[") == (":" in host) and "%" not in host
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def authority_ok(authority: str) -> bool:
    """Tell whether NGINX takes "host" or "host:port", with a port from 1 to 65535."""
    with_port = ":" in authority and not authority.endswith("]")
    host, _, port = authority.rpartition(":") if with_port else (authority, "", "1")
    return host_ok(host) and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535


def is_server(value: str) -> bool:
    """Tell whether `value` is an address "host:port"."""
    return value.rpartition(":")[2].isdigit() and authority_ok(value)


def is_redirect_host(value: str) -> bool:
    """Tell whether `value` is "host", "host:port" or "*.suffix" in lower case; no suffix is of IP addresses."""
    named = not value.startswith("*.") or value.rpartition(".")[2][:1].isalpha()
    return value == value.lower() and "_" not in value and named and authority_ok(value.removeprefix("*."))


def is_dns_server(value: str) -> bool:
    """Tell whether `value` is an IP address, with or without a port."""
    return authority_ok(value) and (is_address(value) or is_address(value.rpartition(":")[0]))


def split_buffers(text: str) -> tuple[int, int]:
    """Return the number of buffers and the size of one in KB."""
    count, size = text.removesuffix("k").split(" ")
    return int(count), int(size)


def are_buffers(text: str) -> bool:
    """Tell whether NGINX takes a number and size of buffers.

    It refuses a `proxy_busy_buffers_size` over all buffers but one, or under `proxy_buffer_size`.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,2} [1-9][0-9]{0,3}k", text):
        return False
    count, size = split_buffers(text)
    return 2 <= count <= 256 and 4 <= size <= 1024 and (count - 1) * size >= HEAD_KB


def is_pattern(bucket: str) -> bool:
    """Tell whether `bucket` stands for many."""
    return "*" in bucket


is_other_kind = re.compile(r"arn:.*|.*\.mrap|.*--op-s3|.*--xa?-s3", re.DOTALL).fullmatch
"""Whether S3 wants another signature or a session for the name; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""


def bucket(name: str) -> list[Wrong]:
    """Return what is wrong with the name of a bucket, or a pattern of names."""
    if is_other_kind(name):
        return [wrong("other_bucket", name=name)]
    is_known = name.count("*") <= 1 and BUCKET_NAME.fullmatch(name.replace("*", "x"))
    is_broad = is_pattern(name) and (sum(map(str.isalnum, name)) < _LEAST_FIXED or len(name) > _LONGEST)
    return [] if is_known and not is_broad else [wrong("bucket", name=name)]


def http_url(value: str) -> list[Wrong]:
    """Return what keeps `value` from being an absolute http or https URL for NGINX. A password in it is not shown."""
    match = _URL.fullmatch(value)
    if match is not None and authority_ok(match[1]):
        return []
    return [wrong("http_url")]


def base_url(value: str) -> list[Wrong]:
    """Return what is wrong with the base URL of an HTTP origin."""
    return http_url(value) or ([] if value.endswith("/") else [wrong("no_slash", url=value)])


def request_headers(headers: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield what is wrong with the fixed headers of an HTTP origin; no value is shown."""
    for name, value in headers.items():
        if name.lower().startswith(SSE_C):
            yield wrong("sse_c", name=name)
        elif not header_name_ok(name) or name.lower() in FORBIDDEN_REQUEST_HEADERS:
            yield wrong("request_header", name=name)
        elif not _is_plain_header(value):
            yield wrong("request_header_value", name=name)


def _is_plain_header(value: str) -> bool:
    return header_value_ok(value) and "$" not in value


def one_or_more(value: Any) -> tuple[Any, ...]:
    """Return a list as it is, and another value as a list of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def secrets(given: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield what is wrong with the secrets of a site; none is shown."""
    if not 1 <= len(given) <= 2:
        yield wrong("secrets")
    elif not all(map(_SECRET.fullmatch, given)):
        yield wrong("secret")
    elif PLACEHOLDER in given:
        yield wrong("known_secret")


def listed_twice(names: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield the names of headers that are there twice, in any case."""
    lower = [name.lower() for name in names]
    twice = (name for index, name in enumerate(names) if name.lower() in lower[:index])
    yield from (wrong("listed_twice", name=name) for name in twice)


def is_added_header(pair: tuple[str, str]) -> bool:
    """Tell whether NGINX's `add_header` can have a name and a value, and no download has the header already."""
    return declarable(pair[0]) and _is_plain_header(pair[1])


def by_status(value: Any) -> Any:
    """Return error pages by their statuses as numbers."""
    if not isinstance(value, Mapping):
        return value
    return {_STATUSES.get(str(status), status): path for status, path in value.items()}


def is_error_page(page: tuple[int, str]) -> bool:
    """Tell whether a download can end with the status, and NGINX takes the path of the file."""
    return page[0] in _STATUSES.values() and _PAGE.fullmatch(page[1]) is not None


def by_class(value: Any) -> Any:
    """Return a single number as that of the class "default"."""
    return value if isinstance(value, Mapping) else {DEFAULT_CLASS: value}


def is_class(pair: tuple[str, int]) -> bool:
    """Tell whether NGINX can count up to a number of transfers in a class of this name."""
    name, number = pair
    return _CLASS.fullmatch(name) is not None and name != UNLIMITED and 1 <= number <= _MOST_AT_ONCE


def header_name_ok(name: object) -> bool:
    """Tell whether `name` is a header name of letters, digits and '-' (RFC 9110 section 5.1, without '_')."""
    return isinstance(name, str) and _TOKEN.fullmatch(name) is not None


def header_value_ok(value: object) -> bool:
    """Tell whether `value` is non-empty printable ASCII without blanks at its ends (RFC 9110 section 5.5)."""
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def declarable(name: object) -> bool:
    """Tell whether a site may declare `name` as one of its response headers."""
    if not isinstance(name, str) or not header_name_ok(name):
        return False
    lower = name.lower()
    return lower not in OWNED_RESPONSE_HEADERS and not lower.startswith(("xaccel-", "x-accel-"))


def require_header_value(value: object, where: str) -> str:
    """Return `value` if a header can carry it.

    Raises HeaderRefused for anything but printable ASCII: a CR or LF would start another header, and app servers refuse
    or re-encode the rest.
    """
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return value
    remedy = "Use printable ASCII without blanks at its ends."
    raise HeaderRefused(f"{value!r} cannot be a header value", where=where, remedy=remedy)


def require_number(value: object, where: str, least: int) -> str:
    """Return a number of bytes, of 18 digits at most, as a header has it. Raises OptionRefused for another value."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**18:
        return str(value)
    remedy = f"Give a whole number, {least} or more."
    raise OptionRefused(f"{value!r} is not a number of bytes", where=where, remedy=remedy)
