"""Find the files of an object in NGINX's cache, and remove them while NGINX runs.

A file begins with a binary header and "\\nKEY: " with the cache key on a line (ngx_http_file_cache_set_header). Its
name is the MD5 of the key, in folders named after its last digits. While NGINX writes the file, a number follows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xaccel.errors import CacheError

LEVELS = "1:2"
"""Digits of the folders' names (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_path)."""

_FOLDERS = (re.compile("[0-9a-f]"), re.compile("[0-9a-f]{2}"))
_NAME = re.compile("([0-9a-f]{32})(?:[.][0-9]{10})?")
_KEY = re.compile(rb"\nKEY: ([0-9a-f]{64})-([0-9a-f]{64})[^\n]*\n")
_PREFIX = 1024
"""Bytes that hold header and key: 336, and a key of at most 180 with the range of a slice."""


def files(directory: Path) -> Iterator[Path]:
    """Find the cache's files, also those that are being written.

    Raises CacheError for a directory that is not there, may not be read or holds something else.
    """
    try:
        top = _entries(directory)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _elsewhere(directory, "there is no such directory") from error
    folders = [entry for entry in top if _is_folder(entry, 0)]
    if top and not folders:
        raise _elsewhere(directory, f"it is no cache of NGINX, for it holds {top[0].name!r}")
    for folder in folders:
        for below in _entries(folder):
            if _is_folder(below, 1):
                for entry in _entries(below):
                    name = _NAME.fullmatch(entry.name)
                    if (
                        name
                        and name[1].endswith(below.name + folder.name)
                        and entry.is_file(follow_symlinks=False)
                    ):
                        yield Path(entry.path)


def parts_of(file: Path) -> tuple[str, str] | None:
    """Return the parts of the key that a file is kept under, object and version.

    None where it has no such key, or is gone: NGINX may remove a file at any time.

    Raises CacheError where it may not be read.
    """
    try:
        with _permitted(file), file.open("rb") as content:
            key = _KEY.search(content.read(_PREFIX))
    except FileNotFoundError:
        return None
    return (key[1].decode(), key[2].decode()) if key else None


def remove(file: Path, *, dry_run: bool = False) -> int | None:
    """Remove a file and return its bytes; None where it is gone already.

    NGINX then fetches the object again; a transfer that has the file open goes on. A file that NGINX is writing is not
    cached, and its transfer goes on too (tests/live/test_purge.py).

    Raises CacheError where that is not permitted.
    """
    try:
        with _permitted(file):
            size = file.stat().st_size
            if not dry_run:
                file.unlink()
    except FileNotFoundError:
        return None
    return size


def _is_folder(entry: os.DirEntry[str], level: int) -> bool:
    return bool(_FOLDERS[level].fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    with _permitted(folder), os.scandir(folder) as found:
        return list(found)


@contextmanager
def _permitted(place: Path | os.DirEntry[str]) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise CacheError(
            "this user may not read it, or may not change it",
            where=os.fspath(error.filename or place),
            remedy="Run the command as root or as the user of NGINX's workers.",
        ) from error


def _elsewhere(directory: Path, what: str) -> CacheError:
    return CacheError(
        what, where=str(directory), remedy="Give the site the path that NGINX has in `proxy_cache_path`."
    )
