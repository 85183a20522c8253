"""A small project: sessions, users, one model with a file on the disk and one on S3."""

from __future__ import annotations

from tests.django.data_dir import DATA_DIR

DEBUG = False
SECRET_KEY = "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
ROOT_URLCONF = "tests.django.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "xaccel.django",
    "tests.django.library",
]
MIDDLEWARE = [
    "xaccel.django.HandOffMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

MEDIA_ROOT = str(DATA_DIR / "media")
MEDIA_URL = ""
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "bucket": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": "acme-documents",
            "region_name": "eu-central-1",
            "location": "tenant-a",
            "access_key": "AKIASTORAGE",
            "secret_key": "storage-secret",
        },
    },
}
XACCEL = {
    "TRANSFER_LOG": "/var/log/xaccel/transfers.log",
    "ALLOW_WITHOUT_NJS": True,
    "ORIGINS": {
        "disk": {"storage": "default"},
        "documents": {"storage": "bucket"},
        "partner": {
            "type": "http",
            "base_url": "https://files.partner.example/out/",
            "request_headers": {"X-Key": "k"},
        },
    },
    "RESPONSE_HEADERS": [
        "Strict-Transport-Security",
        "Referrer-Policy",
        "Vary",
        "Access-Control-Allow-Origin",
        "X-Robots-Tag",
    ],
}
