"""Settings of the audit's tests: AUDIT_DATABASE_URL names a PostgreSQL, else SQLite."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

import dj_database_url

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
# without django.contrib.auth, whose permissions Django would store again after each test
INSTALLED_APPS = [
    "xaccel.django",
    "xaccel.audit",
    "xaccel.audit.share_links",
    "tests.audit",
]
if _url := os.environ.get("AUDIT_DATABASE_URL", ""):
    DATABASES = {"default": dj_database_url.parse(_url, conn_max_age=60, conn_health_checks=True)}
else:
    # files, not memory: other processes open them too
    _folder = Path(gettempdir())
    _options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 60,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _folder / "portal.sqlite3",
            "OPTIONS": _options,
            "TEST": {"NAME": _folder / f"xaccel-audit-{os.getpid()}.sqlite3"},
        }
    }
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
ROOT_URLCONF = "tests.audit.urls"
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
XACCEL = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {"partner": {"type": "http", "base_url": "https://files.example/"}},
}
