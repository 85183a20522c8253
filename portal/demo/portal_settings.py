"""The portal's environment variables for these servers; portal/settings.py explains them."""

from __future__ import annotations

import json
from pathlib import Path

from portal.demo.identity import Identity
from xaccel.site.rules import is_error_page
from xaccel_testing import S3Server


def refusal_log(folder: Path) -> Path:
    """Return the file of the refusals, one JSON object per line."""
    return folder / "portal" / "refused.jsonl"


def error_folder(folder: Path) -> Path:
    """Return the folder of the pages that NGINX sends itself."""
    return folder / "portal" / "errors"


def portal_settings(folder: Path, identity: Identity, s3: S3Server) -> dict[str, str]:
    """Return the variables."""
    errors = error_folder(folder)
    return {
        "DJANGO_SETTINGS_MODULE": "portal.demo.django_settings",
        "PORTAL_SECRET_KEY": identity.django_key,
        "PORTAL_DATA_DIR": str(folder / "portal"),
        "PORTAL_TRUSTED_PROXY": "1",
        "PORTAL_DEMO": "1",
        # ERROR_PAGES takes no path with a space
        "PORTAL_ERROR_PAGES": str(errors) if is_error_page((404, (f"{errors}/404.html",))) else "",
        "PORTAL_LOG": str(folder / "nginx" / "xaccel.log"),
        "PORTAL_S3_BUCKET": identity.bucket,
        "PORTAL_S3_ENDPOINT": s3.endpoint,
        "PORTAL_S3_REGION": "us-east-1",
        "PORTAL_S3_ACCESS_KEY": s3.access_key,
        "PORTAL_S3_SECRET_KEY": s3.secret_key,
        "PORTAL_XACCEL_EXTRA": json.dumps({"SECRET": identity.site_secret}),
    }
