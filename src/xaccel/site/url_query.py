"""The recorded query of a stored URL, for events and the audit trail: never a signature, no value unasked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import unquote_plus

from xaccel.site.origins import HTTPOrigin, Origin
from xaccel.site.setting import Rules

_SIGNED_PREFIXES = ("x-amz-", "x-goog-", "x-oss-")
_SIGNED = frozenset(
    "signature sig key-pair-id policy expires token googleaccessid awsaccesskeyid ossaccesskeyid security-token"
    " hdnts hdnea".split()
)
"""Parameters of signatures: S3, Google, Alibaba, CloudFront, Akamai, and what others call theirs."""

_SAS = frozenset("se sp sv sr st spr sip si ske skoid sks skt sktid skv ss srt sdd saoid suoid scid".split())
"""Azure's, beside its `sig` (https://learn.microsoft.com/rest/api/storageservices/create-service-sas)."""

_NEVER_PLAIN = frozenset(
    "access_token access-token api_key api-key apikey auth authorization bearer credential hmac jwt key pass passwd"
    " password pwd secret session sessionid".split()
)


def recorded_query(origin: Origin, url: str | None, named: Collection[str], secret: str) -> str:
    """Return what is recorded of the query of a stored `url`: `named` parameters as they are, "#", and a keyed digest.

    The digest is made of all parameters but those of signatures, byte for byte, with a `secret` of the site. Where the
    app makes the URLs any parameter may be part of a signature: then no digest is made. Returns "" if nothing is left.
    """
    parts = list(_unsigned(url.partition("?")[2])) if url else []
    if not parts:
        return ""
    shown = "&".join(part for part in parts if _name(part) in named)
    if isinstance(origin, HTTPOrigin) and origin.expires_s is not None:
        return shown
    from xaccel.site.keys import query_digest  # a worker without stored URLs does not need it

    return f"{shown}#{query_digest(secret, '&'.join(parts))}"


def _unsigned(query: str) -> Iterator[str]:
    parts = [part for part in query.split("&") if part]
    sas = any(_name(part).lower() == "sig" for part in parts)
    for part in parts:
        name = _name(part)
        if not _is_signed(name) and not (sas and name.lower() in _SAS):
            yield part


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])


def _is_signed(name: str) -> bool:
    return name.lower() in _SIGNED or name.lower().startswith(_SIGNED_PREFIXES)


PARAMETER: Rules = {
    "query_parameter": bool,
    "secret_parameter": lambda name: name.lower() not in _SAS | _NEVER_PLAIN and not _is_signed(name),
}
"""Tests for the name of a parameter whose value records may have."""
