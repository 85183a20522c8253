"""The values of settings that NGINX, DNS and the stores accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from xaccel.errors import ConfigError
from xaccel.options import UNLIMITED
from xaccel.site import header_rules
from xaccel.site.setting import Wrong

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""The secret of the documentation and the examples. Everybody who knows it could forge a hand-off."""
MAKE_ONE = "Make one with: xaccel secret."
MERGE: Literal["merge"] = "merge"
DEFAULT_CLASS = "default"
"""The class of concurrency that counts a transfer which names none."""
MAX_EXPIRES_S = 7 * 24 * 3600
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""A bucket of any store; Amazon's own rules are narrower."""
CONDITION = re.compile(r"(?<= )if=\$[A-Za-z0-9_]+(?= |$)")
"""The condition of an `access_log`: one variable of the operator's."""
SSE_C = "x-amz-server-side-encryption-customer-"
"""How the names of the headers begin (lower case) that bring the client's own key (SSE-C)."""
DEFAULT_BUFFERS = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f$]")
_URL = re.compile(r"[!$-~]+")
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
    """Tell whether NGINX takes `value` as arguments of `access_log`."""
    return is_path(CONDITION.sub("", value))


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


_OTHER_BUCKETS = {
    r"arn:[^:]*:s3::[^:]*:accesspoint[:/].*|.*\.mrap": "a multi-region access point",
    r"arn:[^:]*:s3-object-lambda:.*": "the ARN of an Object Lambda access point",
    r"arn:[^:]*:s3-outposts:.*|.*--op-s3": "an access point of S3 on Outposts",
    r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint[:/].*": "the ARN of an access point",
    r"arn:.*": "an ARN",
    r".*--xa?-s3": "a directory bucket of S3 Express One Zone",
}
"""Names for which S3 wants another signature or a session; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""
_OTHER_ENDPOINT = re.compile(
    r"https?://(?:[^/]*\.)?(?:s3express-[^/]*|s3-accesspoint[^/]*|s3-object-lambda[^/]*|s3-outposts[^/]*"
    r"|accesspoint\.s3-global)\.[^/]*(?:amazonaws|api\.aws)[^/]*(?:/.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Amazon's endpoints of access points, Object Lambda, Outposts and zones of S3 Express."""


def _other_signature(bucket: str, endpoint_url: str = "") -> list[Wrong]:
    kinds = [kind for pattern, kind in _OTHER_BUCKETS.items() if re.fullmatch(pattern, bucket, re.DOTALL)]
    if kinds:
        remedy = "Name the bucket itself, a general purpose bucket of one region, or an alias of an access point, which"
        return [(f"{bucket!r} is {kinds[0]}", f"{remedy} ends in -s3alias or --ol-s3.")]
    if _OTHER_ENDPOINT.fullmatch(endpoint_url):
        what = f"{endpoint_url!r} is the endpoint of another kind of bucket, which wants another signature"
        return [(what, "Leave it out for a general purpose bucket of Amazon S3.")]
    return []


def unsupported(bucket: str, where: str, *, endpoint_url: str = "") -> ConfigError | None:
    """Return why xaccel does not support a bucket or an endpoint; None if it does."""
    wrong = _other_signature(bucket, endpoint_url)
    return ConfigError(wrong[0][0], where=where, remedy=wrong[0][1]) if wrong else None


def bucket(name: str) -> Iterator[Wrong]:
    """Yield what is wrong with the name of a bucket, or a pattern of names."""
    if wrong := _other_signature(name):
        yield from wrong
    elif is_pattern(name) and not _pattern_ok(name):
        remedy = (
            "Write one '*', with three letters or digits or more that all your buckets share: \"tenant-*\"."
        )
        yield f"{name!r} is not a pattern of bucket names", remedy
    elif not is_pattern(name) and not BUCKET_NAME.fullmatch(name):
        yield (
            f"{name!r} is not a bucket name",
            "Use letters, digits, '.', '-' and '_', three characters or more.",
        )


def endpoint_url(url: str) -> list[Wrong]:
    """Return what is wrong with the URL of a store."""
    return _other_signature("", url) or http_url(url)


def http_url(value: str) -> list[Wrong]:
    """Return what keeps `value` from being an absolute http or https URL for NGINX."""
    example = 'for example "https://files.example/".'
    if not _URL.fullmatch(value):
        return [(f"{value!r} is not a URL of printable ASCII", f"Write it percent-encoded, {example}")]
    wrong = []
    try:
        parts = urlsplit(value)
        right_port = parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        parts, right_port = urlsplit(""), True
    host = parts.hostname or ""
    named = "_" not in host and host_ok(f"[{host}]" if ":" in host else host)
    if parts.scheme not in ("http", "https") or not named:
        remedy = f"Write scheme, host and path, {example}"
        wrong.append((f"{value!r} is not an http or https URL with a host", remedy))
    if not right_port:
        wrong.append((f"{value!r} has no valid port", "Give a port from 1 to 65535."))
    if "@" in parts.netloc:
        remedy = 'Give it as request_headers {"Authorization": "Basic …"} instead.'
        wrong.append(("the URL holds user information", remedy))
    if {"?", "#"} & set(value):
        wrong.append(("the URL has a query or a fragment", "End it with its path."))
    return wrong


def base_url(value: str) -> list[Wrong]:
    """Return what is wrong with the base URL of an HTTP origin."""
    slash = "End it with '/', so that 'files' never stands for 'files-of-others'."
    return http_url(value) + ([] if value.endswith("/") else [(f"{value!r} does not end with '/'", slash)])


def request_headers(headers: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield what is wrong with the fixed headers of an HTTP origin; no value is shown."""
    for name, value in headers.items():
        if name.lower().startswith(SSE_C):
            what = f"{name!r} belongs to SSE-C, whose key would be in the NGINX configuration"
            yield what, "Store the objects with SSE-S3 or SSE-KMS."
        elif not header_rules.header_name_ok(name) or name.lower() in header_rules.FORBIDDEN_REQUEST_HEADERS:
            remedy = "Names are tokens. NGINX sets Host, Range, Cookie, User-Agent, conditions and connection headers."
            yield f"{name!r} cannot be a fixed request header", remedy
        elif not header_rules.header_value_ok(value) or "$" in value:
            what = f"the value of {name!r} cannot be written to the NGINX configuration"
            yield what, "Use printable ASCII without '$', for which NGINX has no escape."


def one_or_more(value: Any) -> tuple[Any, ...]:
    """Return a list as it is, and another value as a list of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def secrets(given: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield what is wrong with the secrets of a site; none is shown."""
    if not 1 <= len(given) <= 2:
        remedy = f"{MAKE_ONE} While rotating, give a list of two, the new one first."
        yield "the site has no secret, or more than two", remedy
    elif not all(map(_SECRET.fullmatch, given)):
        yield "a secret is too short or holds other characters", "Use 32 to 128 letters, digits, '-' and '_'."
    elif PLACEHOLDER in given:
        yield "the secret is the one of the documentation, which everybody knows", MAKE_ONE


def response_headers(names: tuple[str, ...]) -> Iterator[Wrong]:
    """Yield what is wrong with the names that a site declares."""
    lower = [name.lower() for name in names]
    for index, name in enumerate(names):
        if not header_rules.declarable(name):
            remedy = (
                "Names are letters, digits and '-'; those that an option or NGINX decides are taken (Cache-Control,"
                " Content-Disposition, ETag, Set-Cookie …)."
            )
            yield f"{name!r} cannot be declared", remedy
        elif name.lower() in lower[:index]:
            yield f"{name!r} is listed twice", "Remove one."


def add_headers(pairs: tuple[tuple[str, str], ...] | Literal["merge"]) -> Iterator[Wrong]:
    """Yield the names and values that NGINX's `add_header` cannot have, or that each download has already."""
    for name, value in () if pairs == MERGE else pairs:
        if not header_rules.header_name_ok(name):
            what = f"{name!r} is not the name of a header"
        elif not header_rules.declarable(name):
            what = f"{name!r} is a header that xaccel or NGINX sends by itself"
        elif not header_rules.header_value_ok(value) or "$" in value:
            what = f"{value!r} is not a value that NGINX's `add_header` takes as it is"
        else:
            continue
        remedy = 'Write pairs such as ["Strict-Transport-Security", "max-age=31536000"]: printable ASCII without "$".'
        yield (
            what,
            f"{remedy} Leave out X-Content-Type-Options and other headers that each download has already.",
        )


def by_status(value: Any) -> Any:
    """Return error pages by their statuses as numbers."""
    if not isinstance(value, Mapping):
        return value
    return {_STATUSES.get(str(status), status): path for status, path in value.items()}


def error_pages(pages: Mapping[int, str]) -> Iterator[Wrong]:
    """Yield what is wrong with files by status."""
    for status, path in pages.items():
        if status not in _STATUSES.values() or not _PAGE.fullmatch(path):
            remedy = "Give the whole path (letters, digits, '.', '_', '-') of a file for any of"
            yield f"{status!r}: {path!r} is not an error page", f"{remedy}: {', '.join(_STATUSES)}."


def by_class(value: Any) -> Any:
    """Return a single number as that of the class "default"."""
    return value if isinstance(value, Mapping) else {DEFAULT_CLASS: value}


def concurrency(classes: Mapping[str, int]) -> Iterator[Wrong]:
    """Yield what is wrong with numbers of transfers by class."""
    for name, number in classes.items():
        if not _CLASS.fullmatch(name) or name == UNLIMITED:
            remedy = f"Use lower case letters, digits and '_', 20 at most, and not {UNLIMITED!r}."
            yield f"{name!r} is not the name of a class", remedy
        if not 1 <= number <= _MOST_AT_ONCE:
            remedy = f'Give a number from 1 to {_MOST_AT_ONCE}, or one for each class: {{"default": 8, "guests": 2}}.'
            yield f"{number!r} is not a number of transfers", remedy
