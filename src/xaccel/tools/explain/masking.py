"""Mask signatures, passwords and cookies in requests and responses that a command prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from xaccel.site.protocol import CACHE_KEY_HEADER

MASKED = "***"

_PLAIN_PARAMETERS = frozenset(
    "x-amz-algorithm x-amz-date x-amz-expires x-amz-signedheaders versionid partnumber response-content-type"
    " response-content-disposition".split()
)
_PLAIN_HEADERS = frozenset(
    "host user-agent range accept accept-encoding accept-language connection if-none-match if-match if-range"
    " if-modified-since if-unmodified-since traceparent".split()
)
"""Request headers that are shown; any other one may be a password."""
_SECRET_NAME = re.compile(r"auth|cookie|token|secret|^sig|signature|credential|key|passw|session", re.I)
_PARAMETER = re.compile(r"([?&#])([^=&#?\s\"'<>]*)(=?)([^&#\s\"'<>]*)")
_USER = re.compile(r"(//)[^/?#@\s\"'<>]*@")
_SEGMENT = re.compile(r"(?<=/)[^/?#\s\"'<>]+")
_SECRET_SEGMENT = re.compile(r"hmac|sig|token|hdn|jwt|key", re.I)
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[^.]{16,}")


class Mask:
    """Masks text. A value that it masked in one place is masked everywhere."""

    def __init__(self, secrets: Iterable[str], plain_parameters: Iterable[str] = ()) -> None:
        self._plain = _PLAIN_PARAMETERS.union(map(str.lower, plain_parameters))
        self._secrets = set(secrets)

    def everywhere(self, value: Any) -> Any:
        """Mask all text of lists and dicts. A dict with `name` and `value` is a header."""
        # Twice: the first text may have the secret of the last one. The first result is dropped: a secret of which a
        # part is masked is not found again.
        self._masked(value, "")
        return self._masked(value, "")

    def _masked(self, value: Any, inside: str) -> Any:
        if isinstance(value, list):
            return [self._masked(each, inside) for each in value]
        if isinstance(value, dict):
            shown = {key: self._masked(each, key) for key, each in value.items()}
            if {"name", "value"} <= value.keys() and not self._is_plain(inside, value["name"]):
                shown["value"] = self._remembered(value["value"])
            return shown
        return self._text(value) if isinstance(value, str) else value

    def _is_plain(self, inside: str, name: str) -> bool:
        if inside == "request_headers":
            return name.lower() in _PLAIN_HEADERS
        return name.lower() == CACHE_KEY_HEADER.lower() or not _SECRET_NAME.search(name)

    def _text(self, text: str) -> str:
        text = _USER.sub(rf"\1{MASKED}@", _PARAMETER.sub(self._parameter, text))
        # before the segments, since a secret may have a "/"
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASKED)
        return _SEGMENT.sub(self._segment, text)

    def _segment(self, match: re.Match[str]) -> str:
        named = _SECRET_SEGMENT.search(match[0])
        is_secret = named and {*"=~"} & {*match[0][named.end() :]}
        return self._remembered(match[0]) if is_secret else match[0]

    def _parameter(self, match: re.Match[str]) -> str:
        mark, name, equals, value = match.groups()
        secret = value or name
        if unquote(name).lower() in self._plain or secret in ("", MASKED):
            return match[0]
        if _SECRET_NAME.search(name) or _RANDOM.fullmatch(secret):
            self._remembered(secret)
        return f"{mark}{name}={MASKED}" if equals else f"{mark}{MASKED}"

    def _remembered(self, value: str) -> str:
        """Remember a value and its long words. Short ones could be a part of any text."""
        words = {word for part in re.split(r"[;,\s]+", value) for word in (part, part.partition("=")[2])}
        found = {value, *(word for word in words if len(word) >= 12)}
        self._secrets |= {each for word in found for each in (word, unquote(word)) if len(each) >= 6}
        return MASKED
