"""Settings of the portal, read from environment variables.

```text
PORTAL_SECRET_KEY      Django's SECRET_KEY; needed unless PORTAL_DEBUG=1. The site's secret derives from it.
PORTAL_DATA_DIR        folder of portal.sqlite3 and of static/ (STATIC_ROOT, what NGINX serves under /static/ after
                       `manage.py collectstatic`); default: .xaccel/portal beside the package
PORTAL_DATABASE_URL    postgresql://user:password@host:port/name instead of SQLite; needs psycopg
PORTAL_ALLOWED_HOSTS   comma-separated host names; default: this machine's loopback names
PORTAL_DEBUG           1: Django's debug pages. Never on a machine that others reach
PORTAL_HTTPS           1: users come over HTTPS: secure cookies and HSTS
PORTAL_TRUSTED_PROXY   1: NGINX is in front and sets X-Real-IP and X-Forwarded-Proto itself; else both are ignored
PORTAL_TIME_ZONE       for the times on the pages; default UTC
PORTAL_DELIVERY        nginx (default), or stream: through Django, for development with PORTAL_DEBUG=1 only
PORTAL_LOG             path of NGINX's JSON lines, one per transfer
PORTAL_ERROR_PAGES     folder of the pages that NGINX sends if a download fails; `manage.py error_pages` writes them
PORTAL_S3_BUCKET       bucket of the origin "documents"
PORTAL_S3_ENDPOINT, PORTAL_S3_REGION, PORTAL_S3_ADDRESSING_STYLE, PORTAL_S3_ACCESS_KEY, PORTAL_S3_SECRET_KEY
                       default: as botocore finds them (environment, profile, instance role)
PORTAL_DEMO            1: the first page explains what the demo's visitors can try
PORTAL_XACCEL_EXTRA    JSON merged into XACCEL: its ORIGINS are added by name, other keys replace
```
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

PACKAGE = Path(__file__).resolve().parent


def _flag(name: str) -> bool:
    return os.environ.get(name, "") == "1"


def _given(name: str) -> str | None:
    return os.environ.get(name) or None


DEBUG = _flag("PORTAL_DEBUG")
SECRET_KEY = os.environ.get("PORTAL_SECRET_KEY", "django-insecure-for-development-only" if DEBUG else "")
ALLOWED_HOSTS = os.environ.get("PORTAL_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
TRUSTED_PROXY = _flag("PORTAL_TRUSTED_PROXY")
HTTPS = _flag("PORTAL_HTTPS")
DEMO = _flag("PORTAL_DEMO")

DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR", PACKAGE.parent / ".xaccel" / "portal"))


def postgresql(url: str) -> dict[str, Any]:
    """Make the entry of DATABASES of a postgresql:// URL. Raises ImproperlyConfigured for another one."""
    try:
        database: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)}
    except ValueError:
        database = {}
    if database.get("ENGINE") != "django.db.backends.postgresql" or not database["NAME"]:
        raise ImproperlyConfigured(
            "PORTAL_DATABASE_URL: not the URL of a PostgreSQL database. "
            "Write postgresql://user:password@host:port/name, or leave it out for SQLite."
        )
    return database


def sqlite(folder: Path) -> dict[str, Any]:
    """Make the entry of DATABASES of `folder`/portal.sqlite3, which only this user can read if it is new."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "portal.sqlite3"
    if not file.exists():
        # SQLite would create it readable by every user, with sessions and password hashes in it.
        file.touch(mode=0o600)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            # A transaction that first reads and then writes fails at once when another process wrote in between;
            # IMMEDIATE makes it wait its turn. https://docs.djangoproject.com/en/stable/ref/databases/
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


DATABASE_URL = os.environ.get("PORTAL_DATABASE_URL", "")
DATABASES = {"default": postgresql(DATABASE_URL) if DATABASE_URL else sqlite(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

ERROR_PAGES = _given("PORTAL_ERROR_PAGES")
XACCEL: dict[str, Any] = {
    "ORIGINS": {
        "documents": {
            "type": "s3",
            "bucket": os.environ.get("PORTAL_S3_BUCKET", ""),
            "endpoint_url": _given("PORTAL_S3_ENDPOINT"),
            "region": _given("PORTAL_S3_REGION"),
            "addressing_style": _given("PORTAL_S3_ADDRESSING_STYLE"),
            "access_key": _given("PORTAL_S3_ACCESS_KEY"),
            "secret_key": _given("PORTAL_S3_SECRET_KEY"),
        },
    },
    "TRANSFER_LOG": os.environ.get("PORTAL_LOG", "/var/log/nginx/xaccel.log"),
    # Django's middleware sets these, and NGINX would drop them from a download.
    "RESPONSE_HEADERS": [
        "Cross-Origin-Opener-Policy",
        "Referrer-Policy",
        "Strict-Transport-Security",
        "X-Frame-Options",
    ],
    "ERROR_PAGES": {
        status: f"{ERROR_PAGES}/{status}.html"
        for status in (404, 412, 416, 429, 502, 503, 504)
        if ERROR_PAGES
    },
    # downloads that one user may have at once
    "CONCURRENCY": {"default": 30},
    "DELIVERY": os.environ.get("PORTAL_DELIVERY", "nginx"),
}


def add_extra(xaccel: dict[str, Any], text: str) -> dict[str, Any]:
    """Return `xaccel` with the JSON of `text` merged in. Raises ImproperlyConfigured if that is not a JSON object."""
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"PORTAL_XACCEL_EXTRA: not JSON: {error}. Write a JSON object.") from error
    if not isinstance(extra, dict) or not isinstance(origins := extra.pop("ORIGINS", {}), dict):
        raise ImproperlyConfigured(
            "PORTAL_XACCEL_EXTRA: not a JSON object, or its ORIGINS are not one. "
            'Write for example {"CONCURRENCY": 8}.'
        )
    return {**xaccel, **extra, "ORIGINS": {**xaccel["ORIGINS"], **origins}}


XACCEL = add_extra(XACCEL, os.environ.get("PORTAL_XACCEL_EXTRA") or "{}")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "portal.files.apps.SignInConfig",
    "xaccel.django",
    "xaccel.audit",
    "xaccel.django.uploads",
    "portal.files",
]
MIDDLEWARE = [
    "xaccel.django.HandOffMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [PACKAGE / "static"]
_static = "StaticFilesStorage" if DEBUG else "ManifestStaticFilesStorage"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": f"django.contrib.staticfiles.storage.{_static}"},
}

# After this many wrong passwords for one user name from one address, that address cannot sign in under that name for a
# while. Nobody can lock a user out from elsewhere. `manage.py axes_reset_username NAME` ends it early, and so does
# deleting the access attempt in the administration. https://django-axes.readthedocs.io/
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "portal.files.client_network.client_network"
AXES_LOCKOUT_CALLABLE = "portal.files.views.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "files"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "portal.formats"
TIME_ZONE = os.environ.get("PORTAL_TIME_ZONE", "UTC")
USE_TZ = True

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "portal.files.views.refused_form"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY else None
XACCEL_AUDIT = {"ADDRESS_HEADER": "X-Real-IP"} if TRUSTED_PROXY else {}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
