"""The values of settings that NGINX, DNS and the stores accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from xaccel.errors import ConfigError
from xaccel.site import header_rules
from xaccel.site.setting import Rule, Wrong, first_of

MAX_EXPIRES_S = 7 * 24 * 3600
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""A bucket of any store; Amazon's own rules are narrower."""
CONDITION = re.compile(r"(?<= )if=\$[A-Za-z0-9_]+(?= |$)")
"""The condition of an `access_log`: one variable of the operator's."""

SSE_C = "x-amz-server-side-encryption-customer-"
"""How the names of the headers begin (lower case) that bring the client's own key (SSE-C)."""

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):[0-9]{1,5}")
_REDIRECT_HOST = re.compile(
    r"(?:\*(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z][a-z0-9-]*|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
    r"|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f$]")
_HOST = re.compile(r"[0-9a-f]*:[0-9a-f:.]+|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_URL = re.compile(r"[!$-~]+")
_LEAST_FIXED, _LONGEST_BUCKET = 3, 63


def is_pattern(bucket: str) -> bool:
    """Tell whether `bucket` stands for many."""
    return "*" in bucket


def pattern_ok(bucket: str) -> bool:
    """Tell whether `bucket`, which holds a '*', is a pattern: one '*', and enough beside it to be somebody's own."""
    fixed = bucket.replace("*", "", 1)
    return (
        "*" not in fixed
        and sum(char.isalnum() for char in fixed) >= _LEAST_FIXED
        and len(bucket) <= _LONGEST_BUCKET
        and BUCKET_NAME.fullmatch(bucket.replace("*", "x")) is not None
    )


def host_ok(host: str) -> bool:
    """Tell whether NGINX and DNS take `host`: an address, one of IPv6 in brackets, or a name (RFC 1035)."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return host.startswith("[") == (":" in host)
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def authority_ok(authority: str) -> bool:
    """Tell whether NGINX takes "host" or "host:port", with a port from 1 to 65535."""
    with_port = ":" in authority and not authority.endswith("]")
    host, _, port = authority.rpartition(":") if with_port else (authority, "", "1")
    return host_ok(host) and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535


def whole(least: int, most: int, wrong: str) -> Rule:
    """Return the rule of a whole number; `most` is not named where it is only what a header can hold."""
    span = f"from {least} to {most}" if most < 10**17 else f"of {least} or more"
    return Rule(lambda value: least <= value <= most, f"{{}} is not {wrong}", f"Give a whole number {span}.")


def byte_count(least: int) -> Rule:
    """Return the rule of a number of bytes, of at most 18 digits."""
    return whole(least, 10**18 - 1, "a number of bytes")


def _printable(value: str) -> bool:
    return bool(value.strip()) and value != "off" and not _UNPRINTABLE.search(value)


PATH = Rule(
    _printable,
    "{} cannot be written to the NGINX configuration",
    "Use a path without '$' and control characters.",
)
ACCESS_LOG = Rule(lambda value: _printable(CONDITION.sub("", value)), PATH.wrong, PATH.remedy)
PEM_FILE = Rule(
    lambda value: value.startswith("/") and not _UNPRINTABLE.search(value),
    "{} is not an absolute path without '$' and control characters",
    "Give the whole path: NGINX resolves relative paths from its own folder.",
)
ROOT = first_of(
    Rule(
        lambda value: value.startswith("/") and ".." not in value.split("/"),
        "{} is not an absolute path without '..'",
        "Give the whole path of the directory.",
    ),
    Rule(lambda value: not _UNPRINTABLE.search(value), PATH.wrong, PATH.remedy),
)
CONNECT_TO = Rule(
    lambda value: _SERVER.fullmatch(value) and authority_ok(value),
    "{} is not an address",
    'Write "host:port", for example "10.0.0.5:9000" or "[fd00::1]:9000".',
)
REDIRECT_HOST = Rule(
    lambda value: _REDIRECT_HOST.fullmatch(value) and authority_ok(value.removeprefix("*.")),
    "{} is not a host that a redirect may lead to",
    'Write "host", "host:port" or "*.suffix" in lower case, for example "*.cdn.example".',
)
DNS_SERVER = Rule(
    lambda value: _ADDRESS.fullmatch(value) and authority_ok(value),
    "{} is not the address of a DNS server",
    'Write IP addresses, for example "127.0.0.53" or "[fd00::53]:5353".',
)
_A_BUCKET = "Name a general purpose bucket."
OTHER_BUCKETS = tuple(
    Rule(re.compile(rf"(?!(?:{other})\Z).*", re.DOTALL), f"{{}} is {kind}", remedy)
    for other, kind, remedy in (
        (
            r"arn:[^:]*:s3::[^:]*:accesspoint[:/].*|.*\.mrap",
            "a multi-region access point, which wants Signature Version 4A",
            "Name the bucket of one region.",
        ),
        (
            r"arn:[^:]*:s3-object-lambda:.*",
            "the ARN of an Object Lambda access point, which wants another signature",
            "Name its alias, which ends in --ol-s3, or the bucket behind it.",
        ),
        (
            r"arn:[^:]*:s3-outposts:.*|.*--op-s3",
            "an access point of S3 on Outposts, which wants another signature",
            _A_BUCKET,
        ),
        (
            r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint[:/].*",
            "the ARN of an access point",
            "Name its alias, which ends in -s3alias, as the bucket.",
        ),
        (r"arn:.*", "an ARN", "Name the bucket itself."),
        (
            r".*--xa?-s3",
            "a directory bucket (S3 Express One Zone), which wants a session for each signature",
            _A_BUCKET,
        ),
    )
)
"""Names that are no bucket for xaccel; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""
_OTHER_ENDPOINT = re.compile(
    r"https?://(?:[^/]*\.)?(?:s3express-[^/]*|s3-accesspoint[^/]*|s3-object-lambda[^/]*|s3-outposts[^/]*"
    r"|accesspoint\.s3-global)\.[^/]*(?:amazonaws|api\.aws)[^/]*(?:/.*)?",
    re.IGNORECASE | re.DOTALL,
)
OTHER_ENDPOINT = Rule(
    lambda value: not _OTHER_ENDPOINT.fullmatch(value),
    "{} is the endpoint of another kind of bucket, which wants another signature",
    "Leave it out for a general purpose bucket of Amazon S3.",
)
"""Amazon's endpoints of access points, Object Lambda, Outposts and zones of S3 Express."""
BUCKET = first_of(
    *OTHER_BUCKETS,
    Rule(
        lambda value: not is_pattern(value) or pattern_ok(value),
        "{} is not a pattern of bucket names",
        "Write one '*', with three letters or digits or more that all your buckets share: \"tenant-*\".",
    ),
    Rule(
        lambda value: is_pattern(value) or BUCKET_NAME.fullmatch(value),
        "{} is not a bucket name",
        "Use letters, digits, '.', '-' and '_', three characters or more.",
    ),
)


def unsupported(bucket: str, where: str, *, endpoint_url: str = "") -> ConfigError | None:
    """Return why xaccel does not support a bucket or an endpoint; None if it does."""
    problems = [*first_of(*OTHER_BUCKETS)(bucket), *OTHER_ENDPOINT(endpoint_url)]
    return ConfigError(problems[0][0], where=where, remedy=problems[0][1]) if problems else None


DEFAULT_BUFFERS = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""


def split_buffers(text: str) -> tuple[int, int]:
    """Return the number of buffers and the size of one in KB."""
    count, size = text.removesuffix("k").split(" ")
    return int(count), int(size)


def _buffers_fit(text: str) -> bool:
    # NGINX refuses a proxy_busy_buffers_size over all buffers but one, or under proxy_buffer_size
    if not re.fullmatch(r"[1-9][0-9]{0,2} [1-9][0-9]{0,3}k", text):
        return False
    count, size = split_buffers(text)
    return 2 <= count <= 256 and 4 <= size <= 1024 and (count - 1) * size >= HEAD_KB


BUFFERS = Rule(
    _buffers_fit,
    "{} is no number and size of buffers",
    f'Write for example "{DEFAULT_BUFFERS}": 2 to 256 buffers of 4k to 1024k each. All but one must hold {HEAD_KB}k'
    " together.",
)


_EXAMPLE = 'for example "https://files.example/".'


def http_url(value: object) -> list[Wrong]:
    """Return what keeps `value` from being an absolute http or https URL for NGINX."""
    if not isinstance(value, str) or not _URL.fullmatch(value):
        return [(f"{value!r} is not a URL of printable ASCII", f"Write it percent-encoded, {_EXAMPLE}")]
    wrong = []
    try:
        parts = urlsplit(value)
        right_port = parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        parts, right_port = urlsplit(""), True
    host = parts.hostname or ""
    named = _HOST.fullmatch(host) and host_ok(f"[{host}]" if ":" in host else host)
    if parts.scheme not in ("http", "https") or not named:
        remedy = f"Write scheme, host and path, {_EXAMPLE}"
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


ENDPOINT_URL = first_of(OTHER_ENDPOINT, http_url)


def request_headers(headers: dict[str, str]) -> Iterator[Wrong]:
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
