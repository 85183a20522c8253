"""The Django app that is measured: its settings, and its WSGI application. Its views are in views.py; no database.

The S3 origins name an address at which nothing listens unless BENCH_SITE, JSON, gives settings.XACCEL.
"""

from __future__ import annotations

import json
import os
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

REGION = "us-east-1"
ENDPOINT = "http://127.0.0.1:9"
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BUCKET = "documents"
KEY = "2026/reports/annual report 2026.pdf"

MIDDLEWARE = "xaccel.django.HandOffMiddleware"

STORAGE = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": BUCKET,
        "endpoint_url": ENDPOINT,
        "region_name": REGION,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "addressing_style": "path",
        "signature_version": "s3v4",
    },
}


def _xaccel() -> dict[str, Any]:
    given = os.environ.get("BENCH_SITE")
    if given is not None:
        found: dict[str, Any] = json.loads(given)
        return found
    s3 = {"bucket": BUCKET, "endpoint_url": ENDPOINT, "region": REGION, "addressing_style": "path"}
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return {
        "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
        "RESPONSE_HEADERS": ["X-Robots-Tag"],
        "ORIGINS": {
            "local": {"type": "local", "root": "/srv/files"},
            "web": {"type": "http", "base_url": "https://files.example/a/"},
            "s3": {"type": "s3", **s3, **keys},
        },
    }


if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.servers.views",
        SECRET_KEY="only for measurements",
        INSTALLED_APPS=["xaccel.django"],
        STORAGES={
            "default": STORAGE,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        MIDDLEWARE=[MIDDLEWARE],
        XACCEL=_xaccel(),
        USE_TZ=True,
    )
    django.setup()

application = WSGIHandler()
