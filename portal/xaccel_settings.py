"""The XACCEL setting of the portal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

# Django's middleware sets these, and NGINX would drop them from a download.
RESPONSE_HEADERS = [
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Frame-Options",
]
DOWNLOAD_ERRORS = (404, 412, 416, 429, 502, 503, 504)
S3_OPTIONS = {
    "bucket": "PORTAL_S3_BUCKET",
    "endpoint_url": "PORTAL_S3_ENDPOINT",
    "region": "PORTAL_S3_REGION",
    "addressing_style": "PORTAL_S3_ADDRESSING_STYLE",
    "access_key": "PORTAL_S3_ACCESS_KEY",
    "secret_key": "PORTAL_S3_SECRET_KEY",
}


def read_xaccel(environ: Mapping[str, str]) -> dict[str, Any]:
    """Make the setting of `environ`; the names are explained in portal/settings.py.

    Raises ImproperlyConfigured when PORTAL_XACCEL_EXTRA is not a JSON object.
    """
    options = {option: environ[name] for option, name in S3_OPTIONS.items() if environ.get(name)}
    xaccel: dict[str, Any] = {
        "ORIGINS": {"documents": {"type": "s3", **options}},
        "RESPONSE_HEADERS": RESPONSE_HEADERS,
        "DELIVERY": environ.get("PORTAL_DELIVERY", "nginx"),
    }
    if environ.get("PORTAL_LOG"):
        xaccel["TRANSFER_LOG"] = environ["PORTAL_LOG"]
    if folder := environ.get("PORTAL_ERROR_PAGES"):
        xaccel["ERROR_PAGES"] = {status: f"{folder}/{status}.html" for status in DOWNLOAD_ERRORS}
    extra = _read_extra(environ.get("PORTAL_XACCEL_EXTRA") or "{}")
    xaccel["ORIGINS"].update(extra.pop("ORIGINS", {}))
    return xaccel | extra


def _read_extra(text: str) -> dict[str, Any]:
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"PORTAL_XACCEL_EXTRA: not JSON: {error}. Write a JSON object.") from error
    if not isinstance(extra, dict) or not isinstance(extra.get("ORIGINS", {}), dict):
        raise ImproperlyConfigured(
            "PORTAL_XACCEL_EXTRA: not a JSON object, or its ORIGINS are not one. "
            'Write for example {"CONCURRENCY": 8}.'
        )
    return extra
