"""Recognise the site's NGINX, and seal what the app gives it and gets back.

NGINX sends the app a token made from the site's secret, so no client knows it; it replaces the header if a client sends
one. No process of the app has to keep a sealed tuple.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple, TypeVar

from xaccel.site.site import Site, nginx_token

Sealed = TypeVar("Sealed", bound=NamedTuple)


def is_from_nginx(site: Site, token: str, purpose: str = "nginx") -> bool:
    """Tell whether a request with this token came through the site's NGINX; that of TOKEN_HEADER has no purpose."""
    given = token.encode("utf-8", "replace")
    tokens = (nginx_token(secret, purpose).encode() for secret in site.secrets)
    return any(hmac.compare_digest(given, each) for each in tokens)


def seal(site: Site, value: NamedTuple) -> str:
    """Return a tuple as text for a URL or a header. Only the site can make it. It is not encrypted."""
    body = _text(json.dumps(value).encode())
    return f"{body}.{_mac(site, site.secrets[0], type(value), body)}"


def unseal(site: Site, kind: type[Sealed], text: str) -> Sealed | None:
    """Return the tuple; None if another site sealed it, if its class has another name or fields, or if it was altered.

    During an upgrade, another version of xaccel may have sealed it, with other fields.
    """
    body, _, mac = text.partition(".")
    given = mac.encode("utf-8", "replace")
    if any(hmac.compare_digest(_mac(site, secret, kind, body).encode(), given) for secret in site.secrets):
        return kind._make(json.loads(urlsafe_b64decode(f"{body}==")))
    return None


def _mac(site: Site, secret: str, kind: type[NamedTuple], body: str) -> str:
    text = f"xaccel {kind.__name__} {kind._fields}\n{site.name}\n{nginx_token(secret)}\n{body}"
    return _text(hmac.digest(secret.encode(), text.encode("utf-8", "replace"), "sha256"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
