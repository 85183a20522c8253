"""The key with which an operator traces one download, and the app's report about it.

The key is in a request header. The report is encrypted, in a cookie: NGINX sends the app's cookies with the file. Both
are made with keys that are derived from the site's secret.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256, shake_256
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from xaccel.handoff.builder import HandOff
from xaccel.site import Site

HEADER = "Xaccel-Trace"
ENVIRON = "HTTP_XACCEL_TRACE"
COOKIE = "xaccel_trace"
LIFE_S = 60
ONE_PROCESS = "by one process of the app; there is no store, so another process accepts the key once more"

_KEY = re.compile(r"1\.([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")
_spent: dict[str, tuple[float, object]] = {}


class Traced(NamedTuple):
    """A request with a key. path: decoded. query: as it came."""

    key: str
    method: str
    path: bytes
    query: bytes


def make_key(secret: str, method: str, url: str) -> str:
    """Return a key for one request: for this method, and the path and query of this URL."""
    parts, expires, nonce = urlsplit(url), str(int(time.time()) + LIFE_S), secrets.token_hex(16)
    path, query = unquote_to_bytes(parts.path or "/"), parts.query.encode()
    return f"1.{expires}.{nonce}.{_mac(secret, expires, nonce, Traced('', method, path, query))}"


def spend_in_memory(nonce: str, now: float) -> str | None:
    """Remember a key in this process alone. Returns who remembers it; None for a key that was used before."""
    for old in [each for each, (until, _) in list(_spent.items()) if until < now]:
        _spent.pop(old, None)
    mine = (now + LIFE_S, object())
    return ONE_PROCESS if _spent.setdefault(nonce, mine) is mine else None


def trace_headers(
    site: Site,
    traced: Traced,
    hand_off: HandOff,
    own_status: int | None,
    spend: Callable[[str, float], str | None] = spend_in_memory,
) -> list[tuple[str, str]]:
    """Return the header with the report for a valid key; nothing for any other key.

    own_status: 304 or 412 if the app responded to the client's conditions itself.
    """
    match, now = _KEY.fullmatch(traced.key), time.time()
    if match is None or not now <= int(match[1]) <= now + LIFE_S:
        return []
    is_valid = any(
        hmac.compare_digest(_mac(each, match[1], match[2], traced), match[3]) for each in site.secrets
    )
    if not is_valid or not (used := spend(match[2], now)):
        return []
    headers = [(name, "***" if name == "Xaccel-Auth" else value) for name, value in hand_off.headers]
    report: dict[str, Any] = {
        "origin": hand_off.origin,
        "transfer_id": hand_off.transfer_id,
        "single_use": used,
    }
    report |= {"status": own_status or hand_off.status, "headers": headers}
    # The cookie has expired, so that no browser keeps it.
    text = f"{COOKIE}={seal(site.secrets[0], report)}; Max-Age=0; HttpOnly; Secure; SameSite=Strict"
    return [("Set-Cookie", text)]


def report_of(site: Site, cookies: Iterable[str]) -> dict[str, Any] | None:
    """Return the app's report from the Set-Cookie lines of a response; None if there is none."""
    texts = [line[len(COOKIE) + 1 :].partition(";")[0] for line in cookies if line.startswith(f"{COOKIE}=")]
    return next(filter(None, (unseal(secret, text) for text in texts for secret in site.secrets)), None)


def seal(secret: str, value: dict[str, Any]) -> str:
    """Encrypt and sign a value, for those who have the secret.

    The key stream is SHAKE256 of a derived key and a new nonce; the signature is HMAC-SHA256 of nonce and ciphertext.
    """
    nonce, plain = secrets.token_bytes(32), zlib.compress(json.dumps(value).encode())
    box = nonce + _mixed(secret, nonce, plain)
    return urlsafe_b64encode(_derived(secret, "seal", box) + box).decode().rstrip("=")


def unseal(secret: str, text: str) -> dict[str, Any] | None:
    """Return the value; None for another secret, or a text that was changed."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if not hmac.compare_digest(raw[:32], _derived(secret, "seal", raw[32:])):
        return None
    value: dict[str, Any] = json.loads(zlib.decompress(_mixed(secret, raw[32:64], raw[64:])))
    return value


def _mixed(secret: str, nonce: bytes, text: bytes) -> bytes:
    stream = shake_256(_derived(secret, "stream", nonce)).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def _mac(secret: str, expires: str, nonce: str, traced: Traced) -> str:
    parts = (expires.encode(), nonce.encode(), traced.method.encode(), traced.path, traced.query)
    # Each part after its length, so that no two requests have the same bytes.
    return _derived(secret, "key", b"".join(f"{len(part)}:".encode() + part for part in parts)).hex()


def _derived(secret: str, purpose: str, message: bytes) -> bytes:
    key = hmac.digest(secret.encode(), f"xaccel trace {purpose}".encode(), sha256)
    return hmac.digest(key, message, sha256)
