"""Settings of the audit's tests: AUDIT_DATABASE_URL names a PostgreSQL, else SQLite."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from portal.database_url import read_database

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
# without django.contrib.auth, whose permissions Django would store again after each test
INSTALLED_APPS = [
    "xaccel.django",
    "xaccel.audit",
    "xaccel.share_links",
    "tests.audit",
]
_database = read_database(os.environ.get("AUDIT_DATABASE_URL", ""), Path(gettempdir()))
# a file, not memory: other processes open it too
_file = Path(gettempdir()) / f"xaccel-audit-{os.getpid()}.sqlite3"
DATABASES = {"default": {**_database, "TEST": {"NAME": _file if "sqlite" in _database["ENGINE"] else None}}}
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
ROOT_URLCONF = "tests.audit.urls"
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
XACCEL = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {"partner": {"type": "http", "base_url": "https://files.example/"}},
}
