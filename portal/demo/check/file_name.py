"""The name that a browser takes from Content-Disposition (RFC 6266, RFC 8187), read independently of the library."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(r';\s*([A-Za-z*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]+)\s*')
_EXTENDED = re.compile(r"utf-8'[a-z-]*'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*)", re.IGNORECASE)


def file_name(value: str) -> str | None:
    """Return the name, `filename*` first; None for what the grammar does not allow or what is not ASCII."""
    kind, separator, rest = value.partition(";")
    given: dict[str, str] = {}
    text = separator + rest
    while text:
        match = _PARAMETER.match(text)
        if match is None or match[1].lower() in given:
            return None
        given[match[1].lower()] = match[2]
        text = text[match.end() :]
    if not value.isascii() or not re.fullmatch(r"\s*(attachment|inline)\s*", kind):
        return None
    if "filename*" in given:
        extended = _EXTENDED.fullmatch(given["filename*"])
        return unquote_to_bytes(extended[1]).decode() if extended else None
    plain = given.get("filename")
    return re.sub(r"\\(.)", r"\1", plain.strip('"')) if plain else None
