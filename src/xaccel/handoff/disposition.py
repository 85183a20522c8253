"""Content-Disposition, made once, for every adapter (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from xaccel.errors import FileNameRefused

MAX_NAME_BYTES = 200
"""Bytes of UTF-8: file systems take 255, and Windows, browsers and unpackers add to a name."""

_SEPARATORS = re.compile(r"[/\\]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9!#$&'()+,.;@^_`{}~\[\] -]")
_UNCHANGED = re.compile("[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,99}[A-Za-z0-9])?")
_DIACRITICS = re.compile("[\u0300-\u036f]")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}(?:\.(?:gz|bz2|xz|zst))?$")
_ATTR_CHAR = "!#$&+-.^_`|~"


def safe_name(name: str) -> str:
    """Return `name` as a browser may be given it.

    Separators become "_". Bidirectional controls, which make "exe.pdf" read backwards, are removed, and so are blanks
    at the ends and dots at the end. The stem is cut so that at most MAX_NAME_BYTES are left.

    Raises FileNameRefused for other control characters, for lone surrogates and for a value that is not text.
    """
    if not isinstance(name, str):
        raise FileNameRefused(f"{name!r} is not text", where="filename", remedy="Pass a str.")
    if _CONTROLS.search(name):
        remedy = "Remove it, or leave filename out."
        raise FileNameRefused(f"{name!r} has a control character", where="filename", remedy=remedy)
    name = _BIDI.sub("", _SEPARATORS.sub("_", name)).lstrip(" ").rstrip(" .")
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        remedy = "Decode the name with the right encoding, without surrogateescape."
        what = f"{name!r} cannot be encoded as UTF-8"
        raise FileNameRefused(what, where="filename", remedy=remedy) from None
    if len(encoded) > MAX_NAME_BYTES:
        extension = match.group() if (match := _EXTENSION.search(name)) else ""
        stem = encoded[: MAX_NAME_BYTES - len(extension)].decode("utf-8", errors="ignore")
        name = stem.rstrip(" .") + extension
    return "download" if not name.strip(". ") else name


def name_of_key(key: str) -> str:
    """Return the last segment of an object key or of a URL's path as a name, whatever characters it holds."""
    last = key.rstrip("/").rpartition("/")[2]
    if _UNCHANGED.fullmatch(last):  # most names
        return last
    return safe_name(_CONTROLS.sub("_", last.encode("utf-8", errors="replace").decode("utf-8")))


def content_disposition(name: str, *, as_attachment: bool) -> str:
    """Return the header's value for a name that `safe_name` returned.

    Plain ASCII is sent in `filename` alone. Any other name is sent in `filename*`, with an ASCII fallback before it
    for old clients. "%" and "=" count as not plain: in `filename` Chromium decodes the one and drops a word that is
    the other (tests/unit/handoff/test_disposition.py).
    """
    kind = "attachment" if as_attachment else "inline"
    if not _NOT_PLAIN.search(name):
        return f'{kind}; filename="{name}"'
    decomposed = unicodedata.normalize("NFKD", name)
    fallback = _NOT_PLAIN.sub("_", _DIACRITICS.sub("", decomposed))
    fallback = fallback if fallback.strip(" .") else "download"
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"
