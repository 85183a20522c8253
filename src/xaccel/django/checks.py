"""System checks. Ids are stable and never used twice."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.db.models import FileField
from django.utils.module_loading import import_string

from xaccel.django.conf import (
    NOT_FOR_DOWNLOADS,
    Configuration,
    configuration,
    debug_is_on,
    find_storage,
)
from xaccel.django.files.objects import kind_of
from xaccel.django.middleware import HandOffMiddleware
from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.origins import S3Origin

CHECKS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""Each id with its meaning, what it says, and the hint."""

_SECURITY = "django.middleware.security.SecurityMiddleware"
_CORS = "corsheaders.middleware.CorsMiddleware"
_CHOSEN = {
    "Strict-Transport-Security": (_SECURITY, "SECURE_HSTS_SECONDS"),
    "Access-Control-Allow-Origin": (_CORS, ""),
    "Access-Control-Allow-Credentials": (_CORS, "CORS_ALLOW_CREDENTIALS"),
    "Access-Control-Expose-Headers": (_CORS, "CORS_EXPOSE_HEADERS"),
    "Vary": (_CORS, ""),
}
_BY_DEFAULT = {
    "Referrer-Policy": (_SECURITY, "SECURE_REFERRER_POLICY"),
    "Cross-Origin-Opener-Policy": (_SECURITY, "SECURE_CROSS_ORIGIN_OPENER_POLICY"),
    "X-Frame-Options": ("django.middleware.clickjacking.XFrameOptionsMiddleware", ""),
}
"""Headers of other middleware, each with the middleware and the setting that switches it on, if there is one."""


def check_configuration() -> list[CheckMessage]:
    """Check settings.XACCEL and the settings around it."""
    try:
        conf = configuration()
    except ConfigErrors as errors:
        return [_message("E001", problem=problem) for problem in errors.problems]
    return [*_problems(conf), *_headers(conf, _CHOSEN)]


def check_middleware() -> list[CheckMessage]:
    """Check that HandOffMiddleware sees what every other middleware sets."""
    before, behind = _around()
    if not behind:
        return [_message("E002")]
    if not before:
        return []
    known = ", ".join(_set_by({**_CHOSEN, **_BY_DEFAULT}, before))
    return [_message("W006", before=", ".join(before), names=f": {known}" if known else "")]


def check_headers() -> list[CheckMessage]:
    """Check that downloads have the headers that Django's middleware sets by default: only with `check --deploy`."""
    with suppress(ConfigErrors):
        return list(_headers(configuration(), _BY_DEFAULT))
    return []


def _around() -> tuple[list[str], list[str]]:
    """Return the middleware before HandOffMiddleware, and the rest, which is empty without it."""
    place = next((index for index, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)), None)
    return settings.MIDDLEWARE[:place], [] if place is None else settings.MIDDLEWARE[place:]


def _is_ours(path: str) -> bool:
    try:
        middleware = import_string(path)
    except ImportError:
        # Django says so itself, when the server starts.
        return False
    return isinstance(middleware, type) and issubclass(middleware, HandOffMiddleware)


def _problems(conf: Configuration) -> Iterator[CheckMessage]:
    if conf.delivery == "stream" and not debug_is_on():
        yield _message("E004")
    yield from (_message("W001", problem=problem) for problem in conf.skipped)
    if conf.site.grants is not None and settings.SESSION_SAVE_EVERY_REQUEST:
        yield _message("W007")
    if conf.site.grants is not None and _is_signed_session(conf.site.grants.cookie):
        yield _message("E009")
    if conf.site.grants is not None and _names_another_cookie(conf.site.grants.cookie):
        cookie, session = conf.site.grants.cookie, settings.SESSION_COOKIE_NAME
        yield _message("W009", cookie=cookie, session=session)
    if conf.site.archives is not None:
        from xaccel.django.archives import cache_of

        try:
            cache_of(conf.site)
        except ConfigError as wrong:
            yield _message("E008", problem=wrong)
    buckets = [name for name, origin in conf.site.origins.items() if isinstance(origin, S3Origin)]
    if buckets and find_spec("botocore") is None:
        yield _message("E007", name=buckets[0])
    yield from _refused_storages()
    media = str(settings.MEDIA_ROOT).rstrip("/")
    if media and settings.MEDIA_URL not in ("", "/"):
        for name, origin in conf.site.directories.items():
            if f"{origin.root.rstrip('/')}/".startswith(f"{media}/"):
                yield _message("W002", name=name)


def _is_signed_session(cookie: str) -> bool:
    """Tell whether a cookie has the content of the session, and so no stable id."""
    return cookie == settings.SESSION_COOKIE_NAME and _sessions_are_signed()


def _names_another_cookie(cookie: str) -> bool:
    """Tell whether GRANTS name no cookie of Django's sessions, although these have a stable id."""
    has_other_reason = _sessions_are_signed() or settings.SESSION_SAVE_EVERY_REQUEST  # E009, W007
    return cookie != settings.SESSION_COOKIE_NAME and not has_other_reason


def _sessions_are_signed() -> bool:
    from django.contrib.sessions.backends import signed_cookies

    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    return issubclass(store, signed_cookies.SessionStore)


def _refused_storages() -> Iterator[CheckMessage]:
    """Yield one message for each class of storages whose files `send_file` refuses, with the fields that use it."""
    users: dict[Any, list[str]] = {}
    for alias in sorted(settings.STORAGES.keys() - NOT_FOR_DOWNLOADS):
        with suppress(ConfigError):
            users.setdefault(find_storage(alias).__class__, []).append(f'STORAGES["{alias}"]')
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, FileField):
                users.setdefault(field.storage.__class__, []).append(f"{model._meta.label}.{field.name}")
    for cls, names in users.items():
        try:
            kind_of(cls).require_sendable_class()
        except ConfigError as problem:
            yield _message("W008", problem=problem, names=", ".join(names))


def _headers(conf: Configuration, lost: Mapping[str, tuple[str, str]]) -> Iterator[CheckMessage]:
    """Yield one message for those of `lost` that neither RESPONSE_HEADERS nor ADD_HEADERS keeps."""
    kept = {name.lower() for name in (*conf.site.response_headers, *dict(conf.site.add_headers))}
    names = [name for name in _set_by(lost, _around()[1]) if name.lower() not in kept]
    if names:
        denied = "X-Frame-Options" in names and settings.X_FRAME_OPTIONS.upper() == "DENY"
        frames = CHECKS["W003"]["frames"] if denied else ""
        yield _message("W003", names=", ".join(names), quoted=", ".join(map(repr, names)), frames=frames)


def _set_by(headers: Mapping[str, tuple[str, str]], middleware: Collection[str]) -> Iterator[str]:
    """Yield those of `headers` that this middleware sets with the settings of the project."""
    for name, (path, setting) in headers.items():
        if path in middleware and getattr(settings, setting, not setting):
            yield name


def _message(number: str, **values: object) -> CheckMessage:
    kind, row = checks.Error if number.startswith("E") else checks.Warning, CHECKS[number]
    return kind(row["says"].format(**values), hint=row["hint"].format(**values), id=f"xaccel.{number}")
