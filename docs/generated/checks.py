"""The checks page: each id, its meaning, and what it says for settings that really raise it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import django
from django.conf import settings
from django.test import override_settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="only for the documentation",  # noqa: S106
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "xaccel.django",
            "xaccel.django.uploads",
        ],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        XACCEL={"ORIGINS": {"files": {"type": "local", "root": "/srv/files"}}},
    )
    django.setup()

from django.core.files.storage import FileSystemStorage

from xaccel.django import checks


class EncryptedStorage(FileSystemStorage):
    """A storage whose files are not the stored bytes."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        raise NotImplementedError


_BUCKET = {"type": "s3", "bucket": "acme-documents"}
_MEMORY = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
_DISK = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/srv/files"}}
_SECURITY = "django.middleware.security.SecurityMiddleware"

_SETTINGS: dict[str, dict[str, Any]] = {
    "xaccel.E001": {"XACCEL": {"ORIGINS": {"documents": {"type": "s3-bucket"}}}},
    "xaccel.E002": {"MIDDLEWARE": [_SECURITY]},
    "xaccel.E004": {"XACCEL": {"ORIGINS": {"documents": _BUCKET}, "DELIVERY": "stream"}},
    "xaccel.E007": {"XACCEL": {"ORIGINS": {"documents": _BUCKET}}},
    "xaccel.E008": {
        "XACCEL": {"ORIGINS": {"documents": _BUCKET}, "ARCHIVES": {"app": "unix:/run/app.sock"}},
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
    },
    "xaccel.E009": {
        "XACCEL": {
            "ORIGINS": {"documents": _BUCKET},
            "GRANTS": {"app": "unix:/run/app.sock", "paths": ["/files/"]},
        },
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    },
    "xaccel.W001": {"XACCEL": {}, "STORAGES": {"default": _DISK, "scratch": _MEMORY}},
    "xaccel.W002": {"MEDIA_ROOT": "/srv", "MEDIA_URL": "/media/"},
    "xaccel.W003": {
        "MIDDLEWARE": ["xaccel.django.HandOffMiddleware", _SECURITY],
        "SECURE_HSTS_SECONDS": 31536000,
    },
    "xaccel.W006": {"MIDDLEWARE": [_SECURITY, "xaccel.django.HandOffMiddleware"]},
    "xaccel.W007": {
        "XACCEL": {
            "ORIGINS": {"documents": _BUCKET},
            "GRANTS": {"app": "unix:/run/app.sock", "paths": ["/files/"]},
        },
        "SESSION_SAVE_EVERY_REQUEST": True,
    },
    "xaccel.W009": {
        "XACCEL": {
            "ORIGINS": {"documents": _BUCKET},
            "GRANTS": {"app": "unix:/run/app.sock", "paths": ["/files/"]},
        },
        "SESSION_COOKIE_NAME": "acme_session",
    },
    "xaccel.W008": {"STORAGES": {"default": {"BACKEND": f"{__name__}.EncryptedStorage"}}},
}


def sections() -> str:
    """Return one section for each id of xaccel.django."""
    ids = {f"xaccel.{number}": row["meaning"] for number, row in checks.CHECKS.items()}
    return "\n".join(_section(each, meaning, _message(each)) for each, meaning in ids.items())


def _section(identifier: str, meaning: str, message: Any) -> str:
    return (
        f"### `{identifier}`\n\n{meaning}\n\n```text\n{message.msg}\n\tHINT: {message.hint}\n```\n".replace(
            "\t", "    "
        )
    )


def _message(identifier: str) -> Any:
    found = checks.find_spec if identifier != "xaccel.E007" else lambda _: None
    with (
        override_settings(**_SETTINGS[identifier]),
        patch.object(checks, "find_spec", found),
    ):
        said = [*checks.check_configuration(), *checks.check_middleware()]
    return next(message for message in said if message.id == identifier)
