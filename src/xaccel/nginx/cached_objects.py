"""Find the files of an object in NGINX's cache, and remove them while NGINX runs.

A file begins with a binary header and "\\nKEY: " with the cache key on a line (ngx_http_file_cache_set_header). Its
name is the MD5 of the key, in folders named after its last digits. While NGINX writes the file, a number follows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from xaccel.errors import CacheError

LEVELS = "1:2"
"""Digits of the folders' names (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_path)."""

_FOLDERS = (re.compile("[0-9a-f]"), re.compile("[0-9a-f]{2}"))
_NAME = re.compile("([0-9a-f]{32})(?:[.][0-9]{10})?")
_KEY = re.compile(rb"\nKEY: ([0-9a-f]{64})-[0-9a-f]{64}[^\n]*\n")
_PREFIX = 1024
"""Bytes that hold header and key: 336, and a key of at most 180 with the range of a slice."""


def find_files(directory: Path) -> Iterator[Path]:
    """Find the cache's files, including files that are being written.

    Raises CacheError for a directory that is missing or no cache, and PermissionError.
    """

    def refuse(error: OSError) -> None:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and error.filename == os.fspath(
            directory
        ):
            raise _elsewhere(directory, "there is no such directory") from error
        if isinstance(error, PermissionError):
            raise error

    for folder, below, names in os.walk(directory, onerror=refuse):
        parts = Path(folder).relative_to(directory).parts
        entries = [*below, *names]
        below[:] = [name for name in below if len(parts) < 2 and _FOLDERS[len(parts)].fullmatch(name)]
        if not parts and entries and not below:
            raise _elsewhere(directory, f"it is not a cache of NGINX: it has {entries[0]!r}")
        for name in names if len(parts) == 2 else ():
            file = Path(folder, name)
            match = _NAME.fullmatch(name)
            if match and match[1].endswith(parts[1] + parts[0]) and file.is_file() and not file.is_symlink():
                yield file


def object_part_of(file: Path) -> str | None:
    """Return the object's part of a file's key; None if it has none, or NGINX removed the file."""
    try:
        with file.open("rb") as content:
            key = _KEY.search(content.read(_PREFIX))
    except FileNotFoundError:
        return None
    return key[1].decode() if key else None


def remove(file: Path) -> int | None:
    """Remove a file and return its bytes; None if NGINX removed it.

    NGINX then fetches the object again; a transfer that has the file open continues. A file that NGINX is writing is
    not cached, and its transfer continues too (tests/live/cache/test_purge.py).
    """
    try:
        size = file.stat().st_size
        file.unlink()
    except FileNotFoundError:
        return None
    return size


def _elsewhere(directory: Path, what: str) -> CacheError:
    remedy = "Give the site the path that NGINX has in `proxy_cache_path`."
    return CacheError(what, where=str(directory), remedy=remedy)
