"""System checks. Ids are stable and never used twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from xaccel.django.conf import Configuration, configuration
from xaccel.django.development import debug_is_on
from xaccel.django.files.storages import StorageNotDescribed
from xaccel.django.middleware import HandOffMiddleware
from xaccel.errors import ConfigError, ConfigErrors
from xaccel.explain.ask_store import bucket_region
from xaccel.explain.site_advice import address_over_tls, relative_log
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.buckets import covers_many
from xaccel.site.origins import S3Origin

CHECKS: Mapping[str, str] = {
    "xaccel.E001": "settings.XACCEL has a problem; each problem is one message.",
    "xaccel.E002": "HandOffMiddleware is not in MIDDLEWARE.",
    "xaccel.E003": "HandOffMiddleware is not the first of MIDDLEWARE.",
    "xaccel.E004": "DELIVERY is 'stream' and DEBUG is off.",
    "xaccel.E005": "MEDIA_URL or STATIC_URL is below the site's internal prefix.",
    "xaccel.E006": "An origin names a storage that xaccel cannot read.",
    "xaccel.E007": "An origin is an S3 bucket and botocore is not installed.",
    "xaccel.W001": "An alias of STORAGES gives no origin, where the origins come from STORAGES.",
    "xaccel.W002": "The directory of an origin is also published under MEDIA_URL.",
    "xaccel.W003": "A middleware sets a header that the site does not declare, so that downloads lack it.",
    "xaccel.W004": "A bucket is in another region than its origin says; asked only by `check --deploy`.",
    "xaccel.W005": "TRANSFER_LOG is relative to NGINX's prefix; looked at only by `check --deploy`.",
    "xaccel.W006": "The URL of an https origin has an IP address, which NGINX does not find in a certificate.",
    "xaccel.W008": "The running NGINX has other settings than the project; asked only by `check --deploy`.",
}
"""Every id with its meaning: the reference is made from this table."""


def check_configuration(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check settings.XACCEL and the settings around it."""
    try:
        conf = configuration()
    except ConfigErrors as errors:
        return [
            _problem("E006" if isinstance(problem, StorageNotDescribed) else "E001", problem)
            for problem in errors.problems
        ]
    return [*_delivery(conf), *_public_urls(conf), *_origins(conf), *_headers(conf)]


def check_middleware(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that HandOffMiddleware sees what every other middleware sets."""
    hint = 'Put "xaccel.django.HandOffMiddleware" first in MIDDLEWARE.'
    places = [index for index, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)]
    if not places:
        what = "HandOffMiddleware is not in MIDDLEWARE: headers of other middleware are lost or sent twice."
        return [_message("E002", what, hint)]
    if places[0] != 0:
        what = f"HandOffMiddleware comes after {settings.MIDDLEWARE[0]}, whose headers it does not see."
        return [_message("E003", what, hint)]
    return []


def check_log(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Check where NGINX writes its log: only with `check --deploy`, since a relative path is right for `nginx -p`."""
    try:
        site = configuration().site
    except ConfigErrors:
        return []
    return [
        _message("W005", f"XACCEL['TRANSFER_LOG']: {found.what}.", found.remedy)
        for found in relative_log(site)
    ]


def check_regions(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Request the region of each bucket from its store: only with `check --deploy`.

    The signature names the region: with a wrong region, S3 refuses every download. Buckets that a pattern covers are
    not checked.
    """
    try:
        origins = configuration().site.origins
    except ConfigErrors:
        return []
    buckets = {
        name: origin
        for name, origin in origins.items()
        if isinstance(origin, S3Origin) and not covers_many(origin)
    }
    regions = {name: (resolve_endpoint(one).region, bucket_region(one)) for name, one in buckets.items()}
    return [
        _message(
            "W004",
            f"The bucket of origin {name!r} is in {said}, and its downloads are signed for {signed}.",
            f"Set the origin's region to {said!r}.",
        )
        for name, (signed, said) in regions.items()
        if said not in (None, signed)
    ]


def check_running(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask the running NGINX for the digest of its settings: only with `check --deploy`.

    It is asked at the hosts of CSRF_TRUSTED_ORIGINS and ALLOWED_HOSTS. Hosts that do not respond are not reported.
    """
    try:
        site = configuration().site
    except ConfigErrors:
        return []
    found = {urls[0]: said for urls in _front_doors() if (said := _seen(site, urls)) is not None}
    if not found or "" in found.values():
        return []
    url, said = next(iter(found.items()))
    return [
        _message(
            "W008",
            f"The NGINX at {url} has other settings than settings.XACCEL: {said}.",
            "Generate the NGINX configuration with `manage.py xaccel config --write DIR`, and reload NGINX. On NGINX's"
            " host, `manage.py xaccel doctor` names the cause.",
        )
    ]


def _front_doors() -> Iterator[list[str]]:
    """Yield the URLs of each host that the settings name."""
    yield from ([origin] for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin)
    for host in settings.ALLOWED_HOSTS:
        if host[:1] not in ("", ".", "*"):
            yield [f"https://{host}", f"http://{host}"]


def _seen(site: Site, urls: Sequence[str]) -> str | None:
    """Return how the settings differ at the first URL that responds; None if none does, empty: they do not."""
    from xaccel.doctor.in_memory import other_settings
    from xaccel.doctor.running_site import RunningSite

    for url in urls:
        stack = RunningSite(read_site=lambda: site, url=url)
        with suppress(OSError, HTTPException):
            said, status = other_settings(stack), stack.shown_digest.status
            return (
                "it does not know the site, or has another secret" if said is None and status == 404 else said
            )
    return None


def _is_ours(path: str) -> bool:
    try:
        middleware = import_string(path)
    except ImportError:
        # Django says so itself, when the server starts.
        return False
    return isinstance(middleware, type) and issubclass(middleware, HandOffMiddleware)


def _delivery(conf: Configuration) -> Iterator[CheckMessage]:
    if conf.delivery == "stream" and not debug_is_on():
        yield _message(
            "E004",
            "XACCEL['DELIVERY'] is 'stream' and DEBUG is off: every download would hold a worker of the app.",
            "Leave DELIVERY out and generate the NGINX configuration with: manage.py xaccel config",
        )


def _public_urls(conf: Configuration) -> Iterator[CheckMessage]:
    for name in ("MEDIA_URL", "STATIC_URL"):
        if urlsplit(getattr(settings, name) or "").path.startswith(conf.site.internal_prefix):
            what = f"{name} is below {conf.site.internal_prefix}, which NGINX reserves for hand-offs."
            yield _message("E005", what, f"Choose another {name}.")


def _origins(conf: Configuration) -> Iterator[CheckMessage]:
    for problem in conf.skipped:
        yield _problem("W001", problem)
    for found in address_over_tls(conf.site):
        yield _message("W006", f"XACCEL {found.where}: {found.what}.", found.remedy)
    buckets = [name for name, origin in conf.site.origins.items() if isinstance(origin, S3Origin)]
    if buckets and find_spec("botocore") is None:
        yield _message(
            "E007",
            f"The origin {buckets[0]!r} is an S3 bucket, and botocore, which signs, is not installed.",
            "Install it with: pip install 'xaccel[s3]'",
        )
    media = str(settings.MEDIA_ROOT).rstrip("/")
    if not media or settings.MEDIA_URL in ("", "/"):
        return
    for name, origin in conf.site.directories.items():
        if f"{origin.root.rstrip('/')}/".startswith(f"{media}/"):
            yield _message(
                "W002",
                f"The origin {name!r} is in MEDIA_ROOT, and MEDIA_URL is set: a server that serves MEDIA_URL from"
                " MEDIA_ROOT sends every file to everybody.",
                "Keep private files in another directory, or set MEDIA_URL to '' and serve nothing from MEDIA_ROOT.",
            )


def _headers(conf: Configuration) -> Iterator[CheckMessage]:
    declared = {name.lower() for name in conf.site.response_headers}
    hsts = settings.SECURE_HSTS_SECONDS
    for middleware, name, is_set in (
        ("django.middleware.security.SecurityMiddleware", "Strict-Transport-Security", hsts),
        ("corsheaders.middleware.CorsMiddleware", "Access-Control-Allow-Origin", True),
    ):
        if middleware in settings.MIDDLEWARE and is_set and name.lower() not in declared:
            yield _message(
                "W003",
                f"{middleware.rpartition('.')[2]} sets {name}, which XACCEL['RESPONSE_HEADERS'] does not declare:"
                " downloads go without it.",
                f"Add {name!r} to XACCEL['RESPONSE_HEADERS'] and generate the NGINX configuration again, or have NGINX"
                " add it.",
            )


def _problem(number: str, problem: ConfigError) -> CheckMessage:
    return _message(number, f"{problem.where}: {problem.what}.", problem.remedy)


def _message(number: str, message: str, hint: str) -> CheckMessage:
    kind = checks.Error if number.startswith("E") else checks.Warning
    return kind(message, hint=hint, id=f"xaccel.{number}")
