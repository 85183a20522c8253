"""Keep uploads in a directory: NGINX writes each file into a staging folder there, and the app gives it its name."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from xaccel.errors import ConfigError
from xaccel.features.archives.crc import file_etag, number_of, read_file
from xaccel.features.uploads.decide import Upload
from xaccel.handoff.places import base_url
from xaccel.site.origins import LocalOrigin

_STAGED = re.compile(r"[0-9]{10}|[0-9a-f-]{36}(?:\.[0-9]{10})?")
"""The names that NGINX gives: a number while the body arrives, then the upload's id. The id with a number is a copy
from another file system."""


def url_for_nginx(upload: Upload) -> str:
    """Return what names the staged file of an upload to NGINX (engine/uploads/directory.conf)."""
    return f"file:///{upload.id}"


def has_room(origin: LocalOrigin, upload: Upload) -> bool:
    """Tell whether the disk has room for a file now. Raises OSError if the directory is missing."""
    return shutil.disk_usage(origin.root).free >= upload.size


def keep(origin: LocalOrigin, upload: Upload) -> Upload | None:
    """Give the file of an upload its name, if its length and its CRC-32 are right, and delete it otherwise.

    Return the upload with the entity tag that NGINX sends for the file; None if there is no right one. A link never
    replaces a file, and gives the name to a whole one. Called again, or by several at once, it returns the same.

    Raises ConfigError if the app may not read the staged file or write into the directory, and OSError.
    """
    staged, named = _staged(origin, upload), _named(origin, upload)
    try:
        if not _is_right(staged, upload):
            staged.unlink(missing_ok=True)
            return None
        named.parent.mkdir(parents=True, exist_ok=True)
        if not _link(staged, named):
            return None
        flush(named.parent)
    except FileNotFoundError:  # it has its name already, or never came
        pass
    except PermissionError as error:
        what = f"the app may not keep the file of upload {upload.id} ({error})"
        remedy = f"Let it write there. Its user needs the group of {origin.staging!r}, which needs mode 2770."
        raise ConfigError(what, where=f"origin {upload.origin}", remedy=remedy) from error
    staged.unlink(missing_ok=True)
    try:
        return upload._replace(etag=file_etag(named.stat()))
    except FileNotFoundError:
        return None


def forget(origin: LocalOrigin, upload: Upload) -> None:
    """Delete the file of an upload, with its name or staged, if there is one."""
    _staged(origin, upload).unlink(missing_ok=True)
    _named(origin, upload).unlink(missing_ok=True)


def leftovers(origin: LocalOrigin, until: float, still_open: Collection[str]) -> Iterator[Path]:
    """Yield files of NGINX that were last written before `until` (seconds since the epoch), and that nobody awaits.

    NGINX leaves some if it is killed. still_open: the ids of uploads that are not settled. Other files, and all links
    and folders, are not NGINX's.

    Raises OSError if the folder cannot be read.
    """
    try:
        entries = list(os.scandir(origin.staging))
    except FileNotFoundError:
        return
    for entry in entries:
        if _STAGED.fullmatch(entry.name) and entry.name[:36] not in still_open and _is_old_file(entry, until):
            yield Path(entry)


def _is_old_file(entry: os.DirEntry[str], until: float) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # NGINX or the app has just given it its name
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime < until


def _staged(origin: LocalOrigin, upload: Upload) -> Path:
    return Path(origin.staging, upload.id)


def _named(origin: LocalOrigin, upload: Upload) -> Path:
    return Path(base_url(origin) + upload.key)


def _is_right(staged: Path, upload: Upload) -> bool:
    """Tell whether a staged file is the one announced. It is on the disk then: no power failure leaves a row alone."""
    flush(staged)
    is_same = not upload.crc32 or read_file(staged).crc32 == number_of(upload.crc32)
    return is_same and staged.stat().st_size == upload.size


def _link(staged: Path, named: Path) -> bool:
    """Give a staged file its name; tell whether the name is its own now."""
    try:
        os.link(staged, named)
    except FileExistsError:
        return named.samefile(staged)
    return True


def flush(path: Path) -> None:
    """Write a file, or the names of a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
