"""Seal values that the app gives NGINX and gets back, so that no process of the app has to keep them."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from xaccel.site import Site
from xaccel.site.site import nginx_token


def seal(site: Site, purpose: str, values: Sequence[Any]) -> str:
    """Return values as text for a URL or a header. Only the site can make it, for one purpose. It is not encrypted."""
    body = _text(json.dumps(values).encode())
    return f"{body}.{_mac(site, site.secrets[0], purpose, body)}"


def unseal(site: Site, purpose: str, text: str) -> list[Any] | None:
    """Return the values that `seal` was given; None if another site or purpose sealed them, or they were altered."""
    body, _, mac = text.partition(".")
    given = mac.encode("utf-8", "replace")
    if not any(
        hmac.compare_digest(_mac(site, secret, purpose, body).encode(), given) for secret in site.secrets
    ):
        return None
    found: list[Any] = json.loads(urlsafe_b64decode(f"{body}=="))
    return found


def _mac(site: Site, secret: str, purpose: str, body: str) -> str:
    text = f"xaccel {purpose}\n{site.name}\n{nginx_token(secret)}\n{body}"
    return _text(hmac.digest(secret.encode(), text.encode("utf-8", "replace"), "sha256"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
