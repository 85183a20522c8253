"""The values of settings that NGINX, DNS and the stores accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xaccel.options import UNLIMITED
from xaccel.site import header_rules
from xaccel.site.setting import Wrong

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""The secret of the documentation and the examples. Everybody who knows it could forge a hand-off."""
MAKE_ONE = "Make one with: xaccel secret."
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
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f$]")
_URL = re.compile(r"(?i:https?)://([A-Za-z0-9.\[\]:-]+)(?:/[!$->@-~]*)?")
_PAGE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,19}")
_STATUSES = {str(status): status for status in (404, 412, 416, 429, 502, 503, 504)}
"""Those that a download can end with; in a file, keys are text."""
_MOST_AT_ONCE = 65535
"""NGINX counts in 16 bits (ngx_http_limit_conn_module.c)."""
_LEAST_FIXED, _LONGEST_BUCKET = 3, 63


def matches(pattern: str) -> Callable[[str], object]:
    """Return the test for text that a regular expression matches as a whole."""
    return re.compile(pattern).fullmatch


def is_within(least: int, most: int) -> Callable[[float], bool]:
    """Return the test for a number."""
    return lambda value: least <= value <= most


def is_path(value: str) -> bool:
    """Tell whether NGINX takes `value` as the path of a file that it writes."""
    return bool(value.strip()) and value != "off" and not _UNPRINTABLE.search(value)


def is_access_log(value: str) -> bool:
    """Tell whether NGINX takes `value` as arguments of `access_log`, beside the condition that xaccel adds."""
    return is_path(value) and not re.search(r"(?:^|\s)if=", value)


def is_absolute(value: str) -> bool:
    """Tell whether `value` is an absolute path that NGINX takes; it resolves others from its own folder."""
    return value.startswith("/") and not _UNPRINTABLE.search(value)


def is_root(value: str) -> bool:
    """Tell whether `value` is a directory for NGINX."""
    return is_absolute(value) and ".." not in value.split("/")


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
        return is_address(host) and host.startswith("[") == (":" in host)
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
    name = re.sub(r":[0-9]+$", "", value)
    named = not name.startswith("*.") or name.rpartition(".")[2][:1].isalpha()
    return value == value.lower() and "_" not in value and named and authority_ok(value.removeprefix("*."))


def is_dns_server(value: str) -> bool:
    """Tell whether `value` is an IP address, with or without a port."""
    return _ADDRESS.fullmatch(value) is not None and authority_ok(value)


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


def _pattern_ok(bucket: str) -> bool:
    fixed = bucket.replace("*", "", 1)
    return (
        "*" not in fixed
        and sum(char.isalnum() for char in fixed) >= _LEAST_FIXED
        and len(bucket) <= _LONGEST_BUCKET
        and BUCKET_NAME.fullmatch(bucket.replace("*", "x")) is not None
    )


_OTHER_BUCKET = re.compile(r"arn:.*|.*\.mrap|.*--op-s3|.*--xa?-s3", re.DOTALL)
"""Names for which S3 wants another signature or a session; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""


def unsupported(bucket: str) -> list[Wrong]:
    """Return why xaccel does not support a bucket; nothing if it does."""
    kinds = "(access point, multi-region, Object Lambda, Outposts, S3 Express), which wants another signature"
    remedy = (
        "Name a general purpose bucket of one region, or an access point's alias, in -s3alias or --ol-s3."
    )
    is_other = _OTHER_BUCKET.fullmatch(bucket)
    return [(f"{bucket!r} names another kind of bucket {kinds}", remedy)] if is_other else []


def bucket(name: str) -> list[Wrong]:
    """Return what is wrong with the name of a bucket, or a pattern of names."""
    if wrong := unsupported(name):
        return wrong
    if _pattern_ok(name) if is_pattern(name) else BUCKET_NAME.fullmatch(name):
        return []
    remedy = (
        "Use letters, digits, '.', '-' and '_', three characters or more. A pattern has one '*', and three letters or"
        ' digits or more that all your buckets share: "tenant-*".'
    )
    return [(f"{name!r} is not a bucket name, nor a pattern of bucket names", remedy)]


def http_url(value: str) -> list[Wrong]:
    """Return what keeps `value` from being an absolute http or https URL for NGINX. A password in it is not shown."""
    match = _URL.fullmatch(value)
    if match is not None and authority_ok(match[1]):
        return []
    remedy = (
        'Write it percent-encoded, for example "https://files.example/", without query and fragment. Instead of user'
        ' information give request_headers {"Authorization": "Basic …"}.'
    )
    return [("it is not an http or https URL of a host, a port from 1 to 65535 and a path", remedy)]


def base_url(value: str) -> list[Wrong]:
    """Return what is wrong with the base URL of an HTTP origin."""
    slash = "End it with '/', so that 'files' never means 'files-of-others' too."
    return http_url(value) or ([] if value.endswith("/") else [(f"{value!r} does not end with '/'", slash)])


def request_headers(headers: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield what is wrong with the fixed headers of an HTTP origin; no value is shown."""
    for name, value in headers.items():
        if name.lower().startswith(SSE_C):
            what = f"{name!r} belongs to SSE-C, whose key would be in the NGINX configuration"
            yield what, "Store the objects with SSE-S3 or SSE-KMS."
        elif not header_rules.header_name_ok(name) or name.lower() in header_rules.FORBIDDEN_REQUEST_HEADERS:
            remedy = "Names are tokens. NGINX sets Host, Range, Cookie, User-Agent, conditions and connection headers."
            yield f"{name!r} cannot be a fixed request header", remedy
        elif not _is_plain_header(value):
            what = f"the value of {name!r} cannot be written to the NGINX configuration"
            yield what, "Use printable ASCII without '$', for which NGINX has no escape."


def _is_plain_header(value: str) -> bool:
    return header_rules.header_value_ok(value) and "$" not in value


def one_or_more(value: Any) -> tuple[Any, ...]:
    """Return a list as it is, and another value as a list of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def secrets(given: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield what is wrong with the secrets of a site; none is shown."""
    if not 1 <= len(given) <= 2:
        remedy = f"{MAKE_ONE} While rotating, give a list of two, the new one first."
        yield "the site has no secret, or more than two", remedy
    elif not all(map(_SECRET.fullmatch, given)):
        yield "a secret is too short or has other characters", "Use 32 to 128 letters, digits, '-' and '_'."
    elif PLACEHOLDER in given:
        yield "the secret is the one of the documentation, which everybody knows", MAKE_ONE


def listed_twice(names: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield the names of headers that are there twice, in any case."""
    lower = [name.lower() for name in names]
    twice = (name for index, name in enumerate(names) if name.lower() in lower[:index])
    yield from ((f"{name!r} is listed twice", "Remove one.") for name in twice)


def is_added_header(pair: tuple[str, str]) -> bool:
    """Tell whether NGINX's `add_header` can have a name and a value, and no download has the header already."""
    return header_rules.declarable(pair[0]) and _is_plain_header(pair[1])


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
