"""System checks. Ids are stable and never used twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from xaccel.django.conf import Configuration, configuration
from xaccel.django.development.stream import debug_is_on
from xaccel.django.files.signed_urls import StorageNotDescribed
from xaccel.django.middleware import HandOffMiddleware
from xaccel.errors import ConfigErrors
from xaccel.explain.ask_store import bucket_region
from xaccel.explain.site_advice import address_over_tls, relative_log
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.buckets import covers_many
from xaccel.site.origins import LocalOrigin, S3Origin

CHECKS: Mapping[str, str] = {
    "xaccel.E001": "settings.XACCEL has a problem; each problem is one message.",
    "xaccel.E002": "HandOffMiddleware is not in MIDDLEWARE.",
    "xaccel.E003": "HandOffMiddleware is not the first of MIDDLEWARE.",
    "xaccel.E004": "DELIVERY is 'stream' and DEBUG is off.",
    "xaccel.E005": "MEDIA_URL or STATIC_URL lies below the site's internal locations.",
    "xaccel.E006": "An origin names a storage that xaccel cannot read.",
    "xaccel.E007": "An origin is an S3 bucket and botocore is not installed.",
    "xaccel.W001": "An alias of STORAGES gives no origin, where the origins come from STORAGES.",
    "xaccel.W002": "The directory of an origin is also published under MEDIA_URL.",
    "xaccel.W003": "A middleware sets a header that the site does not declare, so that downloads lack it.",
    "xaccel.W004": "A bucket is in another region than its origin says; asked only by `check --deploy`.",
    "xaccel.W005": "TRANSFER_LOG is relative to NGINX's prefix; looked at only by `check --deploy`.",
    "xaccel.W006": "The URL of an https origin has an IP address, which NGINX does not find in a certificate.",
    "xaccel.W007": "`runserver` answers downloads without NGINX with an empty 200, since DELIVERY is 'nginx'.",
}
"""Every id with its meaning: the reference is made from this table."""

_MIDDLEWARE_PATHS = {"xaccel.django.HandOffMiddleware", "xaccel.django.middleware.HandOffMiddleware"}
_SECURITY = "django.middleware.security.SecurityMiddleware"


def check_configuration(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check settings.XACCEL and the settings around it."""
    try:
        conf = configuration()
    except ConfigErrors as errors:
        return [
            _error(
                "E006" if isinstance(problem, StorageNotDescribed) else "E001",
                f"{problem.where}: {problem.what}.",
                problem.remedy,
            )
            for problem in errors.problems
        ]
    return [*_delivery(conf), *_public_urls(conf), *_origins(conf), *_headers(conf), *_addresses(conf)]


def check_middleware(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that HandOffMiddleware sees what every other middleware sets."""
    places = [index for index, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)]
    if not places:
        return [
            _error(
                "E002",
                "HandOffMiddleware is not in MIDDLEWARE: headers of other middleware are lost or sent twice.",
                'Put "xaccel.django.HandOffMiddleware" first in MIDDLEWARE.',
            )
        ]
    if places[0] != 0:
        return [
            _error(
                "E003",
                f"HandOffMiddleware comes after {settings.MIDDLEWARE[0]}, whose headers it does not see.",
                'Put "xaccel.django.HandOffMiddleware" first in MIDDLEWARE.',
            )
        ]
    return []


def check_log(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check where NGINX writes its log: only with `check --deploy`, since a relative path is right for `nginx -p`."""
    try:
        site = configuration().site
    except ConfigErrors:
        return []
    return [
        _warning("W005", f"XACCEL['TRANSFER_LOG']: {found.what}.", found.remedy)
        for found in relative_log(site)
    ]


def check_regions(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask each store for the region of its bucket, on the network: only with `check --deploy`.

    A signature names the region, so that S3 refuses every download of such a bucket. Which buckets a pattern covers is
    not known here.
    """
    try:
        conf = configuration()
    except ConfigErrors:
        return []
    found: list[CheckMessage] = []
    for name, origin in conf.site.origins.items():
        if isinstance(origin, S3Origin) and not covers_many(origin):
            signed, said = resolve_endpoint(origin).region, bucket_region(origin)
            if said is not None and said != signed:
                found.append(
                    _warning(
                        "W004",
                        f"The bucket of origin {name!r} is in {said}, and its downloads are signed for {signed}.",
                        f"Set the origin's region to {said!r}.",
                    )
                )
    return found


def _is_ours(path: str) -> bool:
    if path in _MIDDLEWARE_PATHS:
        return True
    try:
        middleware = import_string(path)
    except ImportError:
        # Django says so itself, when the server starts.
        return False
    return isinstance(middleware, type) and issubclass(middleware, HandOffMiddleware)


def _delivery(conf: Configuration) -> Iterator[CheckMessage]:
    if conf.delivery == "stream" and not debug_is_on():
        yield _error(
            "E004",
            "XACCEL['DELIVERY'] is 'stream' and DEBUG is off: every download would hold a worker of the app.",
            "Leave DELIVERY out and print the NGINX text with: manage.py xaccel config",
        )
    if conf.delivery == "nginx" and debug_is_on() and "runserver" in sys.argv[1:2]:
        yield _warning(
            "W007",
            "XACCEL['DELIVERY'] is 'nginx': runserver answers downloads with an empty 200, unless NGINX is in front.",
            "Open NGINX's port, or set DELIVERY to 'stream' for development without NGINX.",
        )


def _addresses(conf: Configuration) -> Iterator[CheckMessage]:
    for found in address_over_tls(conf.site):
        yield _warning("W006", f"XACCEL {found.where}: {found.what}.", found.remedy)


def _public_urls(conf: Configuration) -> Iterator[CheckMessage]:
    for name in ("MEDIA_URL", "STATIC_URL"):
        path = urlsplit(getattr(settings, name) or "").path
        if path.startswith(conf.site.internal_prefix):
            yield _error(
                "E005",
                f"{name} lies below {conf.site.internal_prefix}, which NGINX keeps for hand-offs.",
                f"Choose another {name}.",
            )


def _origins(conf: Configuration) -> Iterator[CheckMessage]:
    for problem in conf.skipped:
        yield _warning("W001", f"{problem.where}: {problem.what}.", problem.remedy)
    buckets = [name for name, origin in conf.site.origins.items() if isinstance(origin, S3Origin)]
    if buckets and find_spec("botocore") is None:
        yield _error(
            "E007",
            f"The origin {buckets[0]!r} is an S3 bucket, and botocore, which signs, is not installed.",
            "Install it with: pip install 'xaccel[s3]'",
        )
    media = str(settings.MEDIA_ROOT).rstrip("/")
    if not media or settings.MEDIA_URL in ("", "/"):
        return
    for name, origin in conf.site.origins.items():
        if isinstance(origin, LocalOrigin) and f"{origin.root.rstrip('/')}/".startswith(f"{media}/"):
            yield _warning(
                "W002",
                f"The origin {name!r} lies in MEDIA_ROOT, and MEDIA_URL is set: whoever serves MEDIA_URL from there"
                " gives every file to everybody.",
                "Keep private files in a directory of their own, or set MEDIA_URL to '' and serve nothing from there.",
            )


def _headers(conf: Configuration) -> Iterator[CheckMessage]:
    declared = {name.lower() for name in conf.site.response_headers}
    for name, source in _set_by_middleware():
        if name.lower() not in declared:
            yield _warning(
                "W003",
                f"{source} sets {name}, which XACCEL['RESPONSE_HEADERS'] does not declare: downloads go without it.",
                f"Add {name!r} to XACCEL['RESPONSE_HEADERS'] and print the NGINX text again, or have NGINX add it.",
            )


def _set_by_middleware() -> Iterator[tuple[str, str]]:
    if _SECURITY in settings.MIDDLEWARE and settings.SECURE_HSTS_SECONDS:
        yield "Strict-Transport-Security", "SecurityMiddleware"
    if "corsheaders.middleware.CorsMiddleware" in settings.MIDDLEWARE:
        yield "Access-Control-Allow-Origin", "CorsMiddleware"


def _error(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Error(message, hint=hint, id=f"xaccel.{number}")


def _warning(number: str, message: str, hint: str) -> CheckMessage:
    return checks.Warning(message, hint=hint, id=f"xaccel.{number}")
