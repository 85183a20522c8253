"""The members of an archive: what an app selects, their names, and errors that name members."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from posixpath import splitext
from typing import Any

from xaccel.errors import ArchiveRefused, OptionRefused
from xaccel.handoff.headers import etag_header
from xaccel.handoff.objects import ObjectRef

MAX_MEMBERS = 100_000
MAX_NAME_BYTES = 4095
"""Bytes of UTF-8 in a name: unpackers on Linux and macOS have no longer paths."""
_MAX_PART_BYTES = 240
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that change the direction of a text (Unicode Standard Annex 9, section 2)."""


# Not frozen: making 100,000 frozen ones takes 0.1 s more of each hand-off.
@dataclass(slots=True)
class ZipMember:
    """One file of an archive.

    file: an `ObjectRef`; in Django also a FieldFile or a key.
    name: path in the archive, with "/" between folders; by default the last part of the object key.
    size: bytes of the object.
    crc32: CRC-32 of its bytes, as `zlib.crc32` returns it.
    etag: its strong entity tag, with or without quotes: the storage sends only this version.
    modified: aware; the archive has it in UTC, in steps of two seconds, from 1980 to 2107.
    """

    file: Any
    _: KW_ONLY
    name: str | None = None
    size: int | None = None
    crc32: int | None = None
    etag: str | None = None
    modified: datetime | None = None

    @property
    def ref(self) -> ObjectRef:
        """The object. Raises TypeError for a file that the adapter has not found yet."""
        if not isinstance(self.file, ObjectRef):
            raise TypeError(f"a member of an archive is an ObjectRef, not {type(self.file).__name__}")
        return self.file


def select(
    members: Iterable[ZipMember], *, max_members: int = MAX_MEMBERS, max_bytes: int | None = None
) -> list[ZipMember]:
    """Return the members of an archive, within its bounds.

    Raises ArchiveRefused, with the names of the members, and TypeError for a value that is no `ZipMember`. An exception
    of the iterable passes, with a note that says where it came.
    """
    found: list[ZipMember] = []
    try:
        found.extend(islice(members, max_members + 1))
    except Exception as error:
        last = f", the last of them {label(found[-1])!r}" if found else ""
        error.add_note(f"It came from the members of an archive, after {len(found)} of them{last}.")
        raise
    for one in found:
        require_member(one)
    if not found:
        remedy = "Let the user select a file. A generator can be read once: pass a list, or a function."
        raise ArchiveRefused("the selection has no members", where="members", remedy=remedy)
    if len(found) > max_members:
        what = f"the selection has more than {max_members} members"
        _refuse(what, found[-1:], "Raise max_members, or let the user select less.")
    total = sum(one.size or 0 for one in found)
    if max_bytes is not None and total > max_bytes:
        found.sort(key=lambda one: -(one.size or 0))
        what = f"the selection has {total} bytes, more than {max_bytes}; the largest members are first"
        _refuse(what, found, "Raise max_bytes, or let the user select less.")
    return found


def require_member(value: object) -> None:
    """Raise TypeError for a file or key that has no `ZipMember` around it."""
    if not isinstance(value, ZipMember):
        what = f"a member of an archive is a ZipMember, not {type(value).__name__}"
        raise TypeError(f"{what}: pass ZipMember(file) for each file")


def require_whole(members: Sequence[ZipMember]) -> None:
    """Raise ArchiveRefused, with the names of members that lack what an archive needs."""
    for has, what, remedy in _RULES:
        if bad := [one for one in members if not has(one)]:
            _refuse(f"{len(bad)} of {len(members)} members have {what}", bad, remedy)


def key_of(members: Sequence[ZipMember]) -> str:
    """Return the digest of all that decides the bytes of an archive: its layout is kept by it."""
    refs: list[Any] = [one.ref for one in members]
    of_refs = [(refs, name) for name in ("origin", "key", "bucket", "url", "stand_in")]
    of_members = [(members, name) for name in ("name", "size", "crc32", "etag", "modified")]
    columns = [[getattr(one, name) for one in rows] for rows, name in (*of_refs, *of_members)]
    return sha256(json.dumps(columns, default=str).encode()).hexdigest()


def _is_number(value: object, bits: int) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << bits


def _is_strong(etag: str | None) -> bool:
    try:
        return bool(etag) and not etag_header(etag or "").startswith("W/")
    except OptionRefused:
        return False


def _is_kept(one: ZipMember) -> bool:
    ref = one.ref
    return ref.stand_in is None and not ref.makes_url


def _is_dated(one: ZipMember) -> bool:
    return one.modified is None or one.modified.utcoffset() is not None


_RULES = (
    (lambda one: _is_number(one.size, 56), "no size", "Pass size=, or store it beside the file."),
    (
        lambda one: one.size == 0 or _is_number(one.crc32, 32),
        "no CRC-32",
        "Pass crc32=, or store it beside the file.",
    ),
    (
        lambda one: _is_strong(one.etag),
        "no strong entity tag",
        "Pass etag=, or store the ETag that the storage sends beside the file.",
    ),
    (_is_dated, "a date without a time zone", "Pass an aware datetime, for example in UTC."),
    (
        _is_kept,
        "a URL or credentials that a function makes",
        "Pass an object key or a stored URL of an origin.",
    ),
    (
        lambda one: len(label(one).encode("utf-8", "replace")) <= MAX_NAME_BYTES,
        f"a name of more than {MAX_NAME_BYTES} bytes",
        "Shorten the name.",
    ),
)
"""Each test of a member, with the words of its error."""


def _refuse(what: str, members: Sequence[ZipMember], remedy: str) -> None:
    names = [label(one) for one in members]
    listed = ", ".join(ascii(name[-80:]) for name in names[:5]) + (", …" if names[5:] else "")
    error = ArchiveRefused(f"{what}: {listed}", where="members", remedy=remedy)
    error.members = tuple(names)
    raise error


def label(one: ZipMember) -> str:
    """Return the name that the app gave a member, or the last part of its key."""
    if one.name is not None:
        return one.name
    url = one.ref.url
    return (one.ref.key or (url.partition("?")[0] if isinstance(url, str) else "")).rpartition("/")[2]


def archive_names(names: Iterable[str]) -> list[bytes]:
    """Return names that no unpacker takes out of its folder, each once, in UTF-8 and NFC.

    "_" replaces characters that users cannot see or file systems cannot store: control and bidirectional characters,
    lone surrogates, and `\\ : * ? " < > |`. It replaces dots and blanks at the end of a folder or file, and an empty
    folder or file. So "../a" becomes "_/a", and "/a" becomes "_/a". A device of Windows gets "_" before it
    (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file). A folder or file is cut to 240 bytes.

    A name that is used before, in upper or lower case, gets " (2)" before its extension, then " (3)" and so on. A file
    with the name of a folder is numbered too.
    """
    text = "\0".join(["", *[name.replace("\0", "_") for name in names], ""])
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    for pattern, replacement in _REPLACED:
        text = re.sub(pattern, replacement, text)
    clean = text.split("\0")[1:-1]
    folders = {name.rpartition("/")[0].casefold() for name in clean}
    for folder in tuple(folders):
        while folder := folder.rpartition("/")[0]:
            folders.add(folder)
    used, numbers, found = folders, dict[str, int](), list[bytes]()
    for name in clean:
        own = _numbered(name, used, numbers) if name.casefold() in used else name
        used.add(own.casefold())
        found.append(own.encode())
    return found


def _cut(part: re.Match[str]) -> str:
    """Return the part with at most _MAX_PART_BYTES, and its extension."""
    stem, ending = splitext(part[0])
    if len(ending) > 11:
        stem, ending = part[0], ""
    room = _MAX_PART_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending


_REPLACED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (rf'[\x01-\x1f\x7f-\x9f\u2028\u2029{_BIDI}\ud800-\udfff\\:*?"<>|]', "_"),
    (rf"(?<=[/\0])[^/\0]{{{_MAX_PART_BYTES // 4},}}", _cut),
    (r"[. ]+(?=[/\0])", "_"),
    (r"[/\0](?=[/\0])", r"\g<0>_"),
    (
        r"(?i)[/\0](?=(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.[^/\0]*)?[/\0])",
        r"\g<0>_",
    ),
)
"""The rule of `archive_names`, for a text of all names, each between two NUL."""


def _numbered(name: str, used: set[str], numbers: dict[str, int]) -> str:
    stem, ending = splitext(name)
    folded, number = name.casefold(), numbers.get(name.casefold(), 1)
    found = name
    while found.casefold() in used:
        number += 1
        found = f"{stem} ({number}){ending}"
    numbers[folded] = number
    return found
