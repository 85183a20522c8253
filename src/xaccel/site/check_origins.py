"""What may stand in an origin: each field checked, every problem told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from xaccel.errors import ConfigError
from xaccel.site import buckets
from xaccel.site.header_rules import FORBIDDEN_REQUEST_HEADERS, header_name_ok, header_value_ok
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.s3_unsupported import SSE_C, bucket_problem, endpoint_problem

MAX_EXPIRES_S = 7 * 24 * 3600
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):[0-9]{1,5}")
_REDIRECT_HOST = re.compile(
    r"(?:\*(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z][a-z0-9-]*|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
    r"|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f$]")
_HOST = re.compile(r"[0-9a-f]*:[0-9a-f:.]+|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_URL = re.compile(r"[!$-~]+")


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


def require_http_url(value: object, where: str) -> Iterator[ConfigError]:
    """Tell what keeps `value` from being an absolute http or https URL that NGINX can be given."""
    if not isinstance(value, str) or not _URL.fullmatch(value):
        yield ConfigError(
            f"{value!r} is not a URL of printable ASCII",
            where=where,
            remedy='Write it percent-encoded, for example "https://files.example/".',
        )
        return
    try:
        parts = urlsplit(value)
        host, port_ok = parts.hostname or "", parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        parts, host, port_ok = urlsplit(""), "", True
    named = f"[{host}]" if ":" in host else host
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not host_ok(named):
        yield ConfigError(
            f"{value!r} is not an http or https URL with a host",
            where=where,
            remedy='Write scheme, host and path, for example "https://files.example/".',
        )
    if not port_ok:
        yield ConfigError(f"{value!r} has no valid port", where=where, remedy="Give a port from 1 to 65535.")
    if "@" in parts.netloc:
        yield ConfigError(
            "the URL holds user information",
            where=where,
            remedy='Give it as request_headers {"Authorization": "Basic …"} instead.',
        )
    if "?" in value or "#" in value:
        yield ConfigError("the URL has a query or a fragment", where=where, remedy="End it with its path.")


def problems(origin: Origin, where: str) -> Iterator[ConfigError]:
    """Tell all that is wrong with `origin`."""
    if isinstance(origin, S3Origin):
        yield from _s3_problems(origin, where)
    elif isinstance(origin, HTTPOrigin):
        yield from _http_problems(origin, where)
    else:
        yield from _local_problems(origin, where)
    if not isinstance(origin, LocalOrigin):
        for server in origin.connect_to:
            if not _SERVER.fullmatch(server) or not authority_ok(server):
                yield ConfigError(
                    f"{server!r} is not an address",
                    where=f"{where} connect_to",
                    remedy='Write "host:port", for example "10.0.0.5:9000" or "[fd00::1]:9000".',
                )
        for host in origin.redirect_hosts:
            if not _REDIRECT_HOST.fullmatch(host) or not authority_ok(host.removeprefix("*.")):
                yield ConfigError(
                    f"{host!r} is not a host that a redirect may lead to",
                    where=f"{where} redirect_hosts",
                    remedy='Write "host", "host:port" or "*.suffix" in lower case, for example "*.cdn.example".',
                )
        for name in ("ca_file", "client_certificate", "client_key"):
            path = getattr(origin, name)
            if path is not None and (not path.startswith("/") or _UNPRINTABLE.search(path)):
                yield ConfigError(
                    f"{path!r} is not an absolute path that can be printed",
                    where=f"{where} {name}",
                    remedy="NGINX resolves relative paths from its own folder: give the whole path, without '$'.",
                )
        if (origin.client_certificate is None) != (origin.client_key is None):
            yield ConfigError(
                "client_certificate and client_key come together",
                where=f"{where} client_certificate",
                remedy="Give both, or neither.",
            )


def _s3_problems(origin: S3Origin, where: str) -> Iterator[ConfigError]:
    unsupported = bucket_problem(origin.bucket, f"{where} bucket")
    if unsupported is not None:
        yield unsupported
    elif buckets.is_pattern(origin.bucket):
        if not buckets.pattern_ok(origin.bucket):
            yield ConfigError(
                f"{origin.bucket!r} is not a pattern of bucket names",
                where=f"{where} bucket",
                remedy="Write one '*', with three letters or digits or more that all your buckets share: \"tenant-*\".",
            )
    elif not buckets.NAME.fullmatch(origin.bucket):
        yield ConfigError(
            f"{origin.bucket!r} is not a bucket name",
            where=f"{where} bucket",
            remedy="Use letters, digits, '.', '-' and '_', three characters or more.",
        )
    if origin.endpoint_url is not None:
        yield from _endpoint_problems(origin, origin.endpoint_url, where)
    if origin.addressing_style not in (None, "path", "virtual", "auto"):
        yield ConfigError(
            f"{origin.addressing_style!r} is not an addressing style",
            where=f"{where} addressing_style",
            remedy='Valid values: "path", "virtual", "auto".',
        )
    if (origin.access_key is None) != (origin.secret_key is None):
        yield ConfigError(
            "access_key and secret_key come together",
            where=f"{where} access_key",
            remedy="Give both, or neither to use botocore's own search.",
        )
    if not isinstance(origin.expires_s, int) or not 1 <= origin.expires_s <= MAX_EXPIRES_S:
        yield ConfigError(
            f"{origin.expires_s!r} is not a lifetime that S3 signs",
            where=f"{where} expires_s",
            remedy=f"Give whole seconds from 1 to {MAX_EXPIRES_S}.",
        )


def _endpoint_problems(origin: S3Origin, endpoint_url: str, where: str) -> Iterator[ConfigError]:
    unsupported = endpoint_problem(endpoint_url, f"{where} endpoint_url")
    if unsupported is not None:
        yield unsupported
    else:
        yield from require_http_url(endpoint_url, f"{where} endpoint_url")
    if origin.use_dualstack_endpoint or origin.use_fips_endpoint or origin.use_accelerate_endpoint:
        yield ConfigError(
            "an endpoint of its own has no dual-stack, FIPS or accelerated variant: botocore would leave it out",
            where=f"{where} endpoint_url",
            remedy="Give the URL of that endpoint alone, or leave endpoint_url out.",
        )


def _http_problems(origin: HTTPOrigin, where: str) -> Iterator[ConfigError]:
    yield from require_http_url(origin.base_url, f"{where} base_url")
    if isinstance(origin.base_url, str) and not origin.base_url.endswith("/"):
        yield ConfigError(
            f"{origin.base_url!r} does not end with '/'",
            where=f"{where} base_url",
            remedy="End it with '/', so that 'files' never stands for 'files-of-others'.",
        )
    if origin.expires_s is not None and origin.expires_s < 1:
        yield ConfigError(
            f"{origin.expires_s!r} is not the life of a signature",
            where=f"{where} expires_s",
            remedy="Give whole seconds, 1 or more, or leave it out where URLs are not signed.",
        )
    for name, value in origin.request_headers.items():
        if isinstance(name, str) and name.lower().startswith(SSE_C):
            yield ConfigError(
                f"{name!r} belongs to SSE-C, whose key would stand in NGINX's text",
                where=f"{where} request_headers",
                remedy="Store the objects with SSE-S3 or SSE-KMS.",
            )
        elif not header_name_ok(name) or name.lower() in FORBIDDEN_REQUEST_HEADERS:
            yield ConfigError(
                f"{name!r} cannot be a fixed request header",
                where=f"{where} request_headers",
                remedy="Names are tokens. NGINX sets Host, Range, Cookie, User-Agent, the conditions and the headers of"
                " the connection.",
            )
        elif not header_value_ok(value) or "$" in value:
            yield ConfigError(
                f"the value of {name!r} cannot be printed into NGINX's text",
                where=f"{where} request_headers",
                remedy="Use printable ASCII without '$', for which NGINX has no escape.",
            )


def _local_problems(origin: LocalOrigin, where: str) -> Iterator[ConfigError]:
    if not origin.root.startswith("/") or ".." in origin.root.split("/"):
        yield ConfigError(
            f"{origin.root!r} is not an absolute path without '..'",
            where=f"{where} root",
            remedy="Give the whole path of the directory.",
        )
    elif "$" in origin.root or any(ord(char) < 32 or ord(char) == 127 for char in origin.root):
        yield ConfigError(
            f"{origin.root!r} cannot be printed into NGINX's text",
            where=f"{where} root",
            remedy="Use a path without '$' and control characters.",
        )
