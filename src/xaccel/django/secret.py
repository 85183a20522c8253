"""The site's secret where settings name none: derived from SECRET_KEY."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from django.conf import settings
from django.utils.crypto import salted_hmac

_SALT = "xaccel.django.secret"


def derived_secrets(site_name: str) -> list[str]:
    """Return one text of 43 characters, and a second one while SECRET_KEY is rotated.

    The second comes from the first of SECRET_KEY_FALLBACKS: NGINX takes both until its text is printed again.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS[:1]]
    return [_derive(key, site_name) for key in keys]


def _derive(key: str | bytes, site_name: str) -> str:
    digest = salted_hmac(_SALT, site_name, secret=key, algorithm="sha256").digest()
    return urlsafe_b64encode(digest).decode("ascii").rstrip("=")
