"""Derive every key and token from the site's secret, each for one purpose. No other module does.

None of them reveals the secret, or another key. NGINX has tokens in its configuration, and the app makes the same ones.
No process of the app has to keep a sealed tuple.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol, TypeVar

from xaccel.site.protocol import FOR_NGINX

Sealed = TypeVar("Sealed", bound=NamedTuple)


class Keyed(Protocol):
    """The part of a Site that keys depend on. Two secrets while they rotate: the first one makes, both are accepted."""

    @property
    def name(self) -> str:
        """The name of the site."""

    @property
    def secrets(self) -> Sequence[str]:
        """One or two secrets."""


def nginx_token(secret: str, purpose: str = FOR_NGINX) -> str:
    """Return a token of NGINX, another one for each purpose."""
    return _mac(secret, f"xaccel {purpose}".encode()).hex()


def is_from_nginx(site: Keyed, token: str, purpose: str = FOR_NGINX) -> bool:
    """Tell whether a request with this token came through the site's NGINX, which replaces the header of a client."""
    return _is_one_of((nginx_token(secret, purpose) for secret in site.secrets), token)


def seal(site: Keyed, value: NamedTuple) -> str:
    """Return a tuple as text for a URL or a header. Only the site can make it. It is not encrypted."""
    body = _text(json.dumps(value).encode())
    return f"{body}.{_seal(site, site.secrets[0], type(value), body)}"


def unseal(site: Keyed, kind: type[Sealed], text: str) -> Sealed | None:
    """Return the tuple; None if another site sealed it, if its class has another name or fields, or if it was altered.

    During an upgrade, another version of xaccel may have sealed it, with other fields.
    """
    body, _, seal = text.partition(".")
    if _is_one_of((_seal(site, secret, kind, body) for secret in site.secrets), seal):
        return kind._make(json.loads(urlsafe_b64decode(f"{body}==")))
    return None


def settings_token(secrets: Sequence[str]) -> str:
    """Return the token in the path of the digest of NGINX's settings. Other secrets have another one."""
    return _mac("|".join(secrets), b"xaccel settings").hex()[:32]


def grants_label(secret: str) -> str:
    """Return the label of the grants that NGINX made with this secret: those of another one are not found."""
    return sha256(f"xaccel grants 2 {secret}".encode()).hexdigest()[:16]


def query_digest(secret: str, query: str) -> str:
    """Return a digest of a recorded query, behind four digits that tell its key from one of another secret."""
    key, label = _key_of_queries(secret)
    return f"{label}-{hmac.digest(key, query.encode('ascii'), 'sha256').hex()[:32]}"


@lru_cache(maxsize=8)
def _key_of_queries(secret: str) -> tuple[bytes, str]:
    key = _mac(secret, b"xaccel: queries of stored URLs")
    return key, sha256(b"id of " + key).hexdigest()[:4]


def layout_name(secret: str, key: bytes) -> str:
    """Return the name under which an app keeps the layout of an archive, and which shows no other app its key."""
    return f"xaccel.layout.{_mac(secret, b'xaccel archive' + key).hex()[:40]}"


def layout_signature(secret: str, name: str, body: bytes) -> bytes:
    """Return 32 bytes that a kept layout begins with."""
    return _mac(secret, name.encode() + body)


def is_layout_signed(secret: str, name: str, body: bytes, signature: bytes) -> bool:
    """Tell whether the site made a kept layout, under this name."""
    return hmac.compare_digest(signature, layout_signature(secret, name, body))


def trace_signature(secret: str, expires: str, nonce: str, request: tuple[str, bytes, bytes]) -> str:
    """Return the signature of a key for `xaccel trace`. request: its method, and path and query as bytes."""
    # As Python writes it, no two requests have the same text.
    return _mac(secret, f"xaccel trace key {(expires, nonce, *request)!r}".encode()).hex()


def is_trace_signed(
    site: Keyed, expires: str, nonce: str, request: tuple[str, bytes, bytes], signature: str
) -> bool:
    """Tell whether an operator with a secret of the site made a key for `xaccel trace`."""
    signatures = (trace_signature(secret, expires, nonce, request) for secret in site.secrets)
    return _is_one_of(signatures, signature)


def report_key(secret: str) -> bytes:
    """Return the key that encrypts the app's report for `xaccel trace`, as Fernet takes it."""
    return urlsafe_b64encode(_mac(secret, b"xaccel trace report"))


def _seal(site: Keyed, secret: str, kind: type[NamedTuple], body: str) -> str:
    text = f"xaccel {kind.__name__} {kind._fields}\n{site.name}\n{nginx_token(secret)}\n{body}"
    return _text(_mac(secret, text.encode("utf-8", "replace")))


def _mac(secret: str, message: bytes) -> bytes:
    return hmac.digest(secret.encode(), message, "sha256")


def _is_one_of(own: Iterable[str], given: str) -> bool:
    """Compare in constant time with each of them."""
    raw = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(each.encode(), raw) for each in own)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
