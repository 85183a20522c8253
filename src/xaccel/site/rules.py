"""The values of settings that NGINX, DNS and storages accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from xaccel.options import UNLIMITED
from xaccel.site.setting import Rules, Test

PLACEHOLDER = "replace-these-words-with-32-or-more-random-characters"
"""The secret of the documentation and the examples. Everybody who knows it could forge a hand-off."""
KNOWN_SECRETS = frozenset({PLACEHOLDER, "f34fdb91b0bee0763d91b375b89a93d043a73f214e1a97dabce097c8cc9a2f70"})
"""The second one was in `deploy/.env`, which the repository had before 0.1.0."""
DEFAULT_CLASS = "default"
"""The class of concurrency that counts a transfer which names none."""
MAX_EXPIRES_S = 7 * 24 * 3600
"""Of a signature (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)."""
DEFAULT_BUFFERS = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""

OWNED_RESPONSE_HEADERS = frozenset(
    "accept-ranges age allow cache-control connection content-disposition content-encoding content-length"
    " content-location content-range content-type date etag expires keep-alive last-modified location"
    " proxy-authenticate refresh server set-cookie set-cookie2 te trailer transfer-encoding upgrade via"
    " www-authenticate x-content-type-options".split()
)
"""Names (lower case) that NGINX or a hand-off option decides, so that a site cannot declare them."""

FORBIDDEN_REQUEST_HEADERS = frozenset(
    "accept-encoding connection content-length cookie expect host if-match if-modified-since"
    " if-none-match if-range if-unmodified-since keep-alive proxy-connection range te trailer"
    " transfer-encoding upgrade user-agent via".split()
)
"""Names (lower case) that cannot be a fixed request header of an origin."""

_TEXT = r"[^\x00-\x1f\x7f$]*"
"""NGINX has no escape for "$" and control characters."""
_NAME = r"[a-z][a-z0-9-]{0,63}"
"""A header's name, without "_" (RFC 9110 section 5.1)."""
HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_URL = re.compile(r"(?i:https?)://([A-Za-z0-9.\[\]:-]+)(?:/[!$->@-~]*)?")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:]*)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def matches(pattern: str) -> Callable[[object], bool]:
    """Return the test for text that a regular expression matches as a whole."""
    expression = re.compile(pattern)
    return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None


def both(first: Test, second: Test) -> Test:
    """Return the test for a pair, such as an item of a mapping."""
    return lambda pair: first(pair[0]) and second(pair[1])


is_path = matches(rf"(?!off\Z)(?=.*\S){_TEXT}")
is_access_log = matches(rf"(?!off\Z|(?:.*\s)?if=)(?=.*\S){_TEXT}")
is_absolute = matches(rf"/{_TEXT}")
"""NGINX resolves other paths from its own folder."""
is_root = matches(rf"/(?!(?:.*/)?\.\.(?:/|\Z)){_TEXT}")
is_number = range(10**18).__contains__
is_positive = range(1, 10**18).__contains__
declarable = matches(rf"(?ai)(?!(?:x-?accel-.*|{'|'.join(OWNED_RESPONSE_HEADERS)})\Z){_NAME}")
"""Whether a site may have the name in its `response_headers`."""
is_subject_header = matches(rf"(?ai)(?:(?!(?:x-?accel-.*|{'|'.join(OWNED_RESPONSE_HEADERS)})\Z){_NAME})?")
"""Whether NGINX can take the subject from a response header of this name, and hide it; "": none."""
is_request_header = matches(rf"(?ai)(?!(?:{'|'.join(FORBIDDEN_REQUEST_HEADERS)})\Z){_NAME}")
header_value_ok = matches(HEADER_VALUE.pattern)
"""Whether a value is non-empty printable ASCII without blanks at its ends (RFC 9110 section 5.5)."""
_is_plain_value = matches(rf"(?!.*\$){HEADER_VALUE.pattern}")
is_added_header = both(declarable, _is_plain_value)
"""Whether NGINX's `add_header` can have a name and a value, and no download has the header already."""
_is_page = matches(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f$]+)+")
_LANGUAGE = re.compile(r"\.([a-z]{2,3}(?:-[a-z]{2,4})?)\.(?:html|json)\Z")


def type_of_page(path: str) -> str:
    """Return "json" or "html", the type of an error page by the end of its name."""
    return "json" if path.endswith(".json") else "html"


def language_of_page(path: str) -> str:
    """Return the language in a name such as "404.pt-br.html"; "" without one."""
    found = _LANGUAGE.search(path)
    return found[1] if found else ""


def _are_pages(paths: tuple[str, ...]) -> bool:
    kinds = [(type_of_page(path), language_of_page(path)) for path in paths]
    is_clear = len(kinds) == 1 or bool(kinds and kinds[0][1]) or not any(language for _, language in kinds)
    return bool(paths) and all(map(_is_page, paths)) and len({*kinds}) == len(kinds) and is_clear


is_app_path = matches(r"/(?!_xaccel)(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)+")
"""Whether a path begins and ends with "/", and needs no encoding. NGINX's own location "/" is the app's."""
PLAIN_SEGMENT = r"\.?[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,125}[A-Za-z0-9_-])?"
"""A segment of an address below a folder: the same whether it is decoded or not, and never "." or "..".

A dot at its end would not be in the name of the file.
"""
DEPTH = 9
"""Folders below a folder, at most."""
is_app_folder = matches(r"/(?!_xaccel)(?:(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*|\*)/)+")
"""The same, where "*" stands for one segment."""
is_error_page = both({404, 412, 416, 429, 502, 503, 504}.__contains__, _are_pages)
"""Whether a download can end with the status, NGINX takes the paths of the files, and knows which one to choose."""
is_connection_limit = range(1, 1 << 16).__contains__
"""Whether NGINX takes the number for `limit_conn`, which counts in 16 bits (ngx_http_limit_conn_module.c)."""
is_class = both(matches(rf"(?!{UNLIMITED}\Z)[a-z][a-z0-9_]{{0,19}}"), is_connection_limit)
"""Whether NGINX counts transfers of a class of this name, in 16 bits (ngx_http_limit_conn_module.c)."""
_is_bucket_name = matches(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""Whether any storage has a bucket of this name; Amazon's own rules are narrower."""
is_other_kind = matches(r"(?s)arn:.*|.*\.mrap|.*--op-s3|.*--xa?-s3")
"""Whether S3 wants another signature or a session for the name; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""


def is_bucket(name: str) -> bool:
    """Tell whether `name` is one of a bucket, or a pattern with one "*" and three letters or digits for many."""
    is_narrow = len(name) <= 63 and sum(map(str.isalnum, name)) >= 3
    return _is_bucket_name(name.replace("*", "x", 1)) and (is_narrow or "*" not in name)


def is_address(host: str) -> bool:
    """Tell whether `host` is an IP address, one of IPv6 with or without its brackets."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def authority_ok(authority: str) -> bool:
    """Tell whether NGINX and DNS take "host" or "host:port": an address, IPv6 in brackets, or a name (RFC 1035)."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not 1 <= int(match[2] or 1) <= 65535:
        return False
    host = match[1]
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return is_address(host) and host.startswith("[") == (":" in host) and "%" not in host
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels))


def is_server(value: str) -> bool:
    """Tell whether `value` is an address "host:port"."""
    return value.rpartition(":")[2].isdigit() and authority_ok(value)


def is_app_server(value: str) -> bool:
    """Tell whether `value` is "host:port" or "unix:/path" of an app server."""
    return is_server(value) or (value.startswith("unix:/") and " " not in value and is_path(value))


def is_loopback(value: str) -> bool:
    """Tell whether `value` is "address:port" of this machine alone."""
    host = value.rpartition(":")[0]
    return is_server(value) and is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback


def is_redirect_host(value: str) -> bool:
    """Tell whether `value` is "host", "host:port" or "*.suffix" in lower case; no suffix is of IP addresses."""
    named = not value.startswith("*.") or value.rpartition(".")[2][:1].isalpha()
    return value == value.lower() and "_" not in value and named and authority_ok(value.removeprefix("*."))


def is_dns_server(value: str) -> bool:
    """Tell whether `value` is an IP address, with or without a port."""
    return authority_ok(value) and (is_address(value) or is_address(value.rpartition(":")[0]))


def is_http_url(value: str) -> bool:
    """Tell whether `value` is an absolute http or https URL for NGINX, without user information, query and fragment."""
    match = _URL.fullmatch(value)
    return match is not None and authority_ok(match[1])


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


SECRETS = {
    "key": "SECRET",
    "wrap_single": lambda secret: [secret],
    "whole": {"secrets": lambda given: len(given) in {1, 2}},
    "rules": {
        "secret": matches(r"[A-Za-z0-9_-]{32,128}"),
        "known_secret": lambda text: text not in KNOWN_SECRETS,
    },
}
NAMED_ONCE: Rules = {"listed_twice": lambda names: len({*map(str.lower, names)}) == len(names)}
BUCKET: Rules = {"other_bucket": lambda name: not is_other_kind(name), "bucket": is_bucket}
HTTP_URL: Rules = {"http_url": is_http_url}
BASE_URL: Rules = {**HTTP_URL, "no_slash": lambda url: url.endswith("/")}
REQUEST_HEADER: Rules = {
    "sse_c": lambda header: not header[0].lower().startswith("x-amz-server-side-encryption-customer-"),
    "request_header": lambda header: is_request_header(header[0]),
    "request_header_value": lambda header: _is_plain_value(header[1]),
}
