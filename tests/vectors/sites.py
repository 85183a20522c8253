"""The sites of the vectors, in the keys of settings.XACCEL, as `python -m xaccel config` reads them too.

Each S3 origin says where it is found and with what it is signed: a vector needs no look-up. The keys are those of
the examples in Amazon's own documentation.
"""

from __future__ import annotations

from typing import Any

SECRET, OLD_SECRET = "vectors-0123456789-abcdefghijklmnopqrst", "vectors-9876543210-zyxwvutsrqponmlkjihg"
KEYS = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
AMAZON = {
    "region": "eu-central-1",
    "endpoint_url": "https://s3.eu-central-1.amazonaws.com",
    "addressing_style": "virtual",
    **KEYS,
}
STORE = {
    "region": "us-east-1",
    "endpoint_url": "http://store.example:9000",
    "addressing_style": "path",
    **KEYS,
}


def _s3(**options: Any) -> dict[str, Any]:
    return {"type": "s3", **options}


def _http(**options: Any) -> dict[str, Any]:
    return {"type": "http", **options}


SITES: dict[str, dict[str, Any]] = {
    "main": {
        "SECRET": SECRET,
        "RESPONSE_HEADERS": ["X-Robots-Tag", "Content-Language"],
        "ORIGINS": {
            "virtual": _s3(bucket="acme-documents", **AMAZON),
            "path": _s3(bucket="acme-documents", **STORE),
            "prefixed": _s3(bucket="acme-documents", prefix="2026/été 100%/", **STORE),
            "tenants": _s3(bucket="acme-tenant-*", **AMAZON),
            "temporary": _s3(
                bucket="acme-documents",
                session_token="IQoJb3JpZ2luX2VjEXAMPLE//TOKEN+with==/signs",
                expires_s=900,
                **AMAZON,
            ),
            "payer": _s3(bucket="acme-documents", request_payer=True, **AMAZON),
            "partner": _http(
                base_url="https://Files.Partner.Example:443/exports/",
                request_headers={"Authorization": "Bearer never-in-a-hand-off"},
            ),
            "media": {"type": "local", "root": "/srv/media files"},
        },
    },
    "shop": {
        "NAME": "shop",
        "SECRET": [SECRET, OLD_SECRET],
        "CACHE": {"path": "/var/cache/nginx/xaccel", "slice": "4m", "slowest_rate": 65536},
        "CONCURRENCY": {"default": 8, "guests": 2},
        "LIMIT_RATE": 10_000_000,
        "LIMIT_RATE_AFTER": 5_000_000,
        "ORIGINS": {
            "store": _s3(bucket="acme-documents", cache=True, **STORE),
            "temporary": _s3(bucket="acme-documents", session_token="EXAMPLETOKEN", cache=True, **STORE),
            "not-kept": _s3(bucket="acme-documents", **STORE),
            "partner": _http(base_url="http://partner.example:8080/", cache=True),
            "signed": _http(base_url="https://blobs.example/documents/", cache=True, expires_s=3600),
            "leads-on": _http(
                base_url="https://portal.example/get/", cache=True, redirect_hosts=["cdn.example"]
            ),
            "media": {"type": "local", "root": "/srv/media"},
        },
    },
    "whole-only": {
        "SECRET": SECRET,
        "CACHE": {"path": "/var/cache/nginx/xaccel", "slice": "0"},
        "ORIGINS": {"store": _s3(bucket="acme-documents", cache=True, **STORE)},
    },
    "amazon": {
        "SECRET": SECRET,
        "ORIGINS": {
            "example": _s3(
                bucket="examplebucket",
                region="us-east-1",
                endpoint_url="https://s3.amazonaws.com",
                addressing_style="virtual",
                expires_s=86400,
                **KEYS,
            )
        },
    },
}
