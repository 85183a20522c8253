"""Keep layouts where all processes of the app find them: in a folder, or a cache such as Django's."""

from __future__ import annotations

import os
import re
import stat
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from xaccel.errors import ConfigError
from xaccel.features.archives.layout import VERSION, Layout
from xaccel.site.keys import is_layout_signed, layout_name, layout_signature

LIFE_S = 2 * 86400
"""Seconds from the last hand-off of an archive: a download takes no longer without another request."""
_VALUE = 500_000
"""Most bytes of a value: memcached has at most 1 MB."""
_IN_MEMORY = 4
_SIGNATURE = 32
"""Bytes before the body."""
_TEMPORARY = "xaccel.layout.new."
_OWN_FILE = re.compile(r"xaccel\.layout\.(?:[0-9a-f]{40}\.[0-9]+|new\.[a-z0-9_]+)")
"""The names of xaccel's files in a folder of layouts: values (`_name`), and files of a process that was killed."""


class Cache(Protocol):
    """Keeps bytes by name, as Django's caches do. All processes of the app see the same ones."""

    def get(self, name: str, /) -> bytes | None:
        """Return the bytes; None if they are lost."""

    def set(self, name: str, value: bytes, life_s: int, /) -> object:
        """Keep bytes."""

    def touch(self, name: str, life_s: int, /) -> bool:
        """Lengthen the life of bytes, and return whether they are there."""


class Layouts:
    """The layouts of a site, each by the key of its selection; the last few are in memory too. Thread-safe.

    A program that can write to the cache cannot change an archive, and not give one site or selection that of another.
    """

    def __init__(self, cache: Cache, secrets: Sequence[str]) -> None:
        self._cache = cache
        self._secrets = secrets
        self._load = lru_cache(maxsize=_IN_MEMORY)(self._read)

    def keep(self, key: str, layout: Layout) -> None:
        """Keep a layout. Raises ConfigError if it is not kept."""
        name, body = _name(self._secrets[0], key), zlib.compress(layout.body, 1)
        data = layout_signature(self._secrets[0], name, body) + body
        starts = range(0, len(data), _VALUE)
        for number, at in enumerate(starts):
            self._cache.set(f"{name}.{number}", data[at : at + _VALUE], LIFE_S)
        if not self._touch(name, len(starts)):
            what = f"the layout of {len(layout)} files is lost at once"
            raise ConfigError(what, where="ARCHIVES", remedy="Give the cache of the layouts more memory.")

    def renew(self, key: str) -> Layout | None:
        """Return a layout that is kept, for another hand-off; None if it must be made."""
        with suppress(LookupError):
            layout, values = self._load(key)
            return layout if self._touch(_name(self._secrets[0], key), values) else None
        return None

    def _touch(self, name: str, values: int) -> bool:
        return all(self._cache.touch(f"{name}.{number}", LIFE_S) for number in range(values))

    def get(self, key: str) -> Layout | None:
        """Return the layout; None if it is lost or was altered, so that the archive cannot go on."""
        with suppress(LookupError):
            return self._load(key)[0]
        return None

    def has_mark(self, mark: str) -> bool:
        """Keep a mark like a layout, and return whether it was there: another process may have kept it."""
        name = f"{_name(self._secrets[0], f'mark {mark}')}.0"
        if self._cache.get(name) is not None:
            return True
        self._cache.set(name, b"kept", LIFE_S)
        return False

    def _read(self, key: str) -> tuple[Layout, int]:
        """Return the layout, and of how many values it is. Raises LookupError."""
        for secret in self._secrets:
            name, data = _name(secret, key), b""
            for number in count():
                value = self._cache.get(f"{name}.{number}") or b""
                data += value
                if len(value) < _VALUE:
                    break
            signature, body = data[:_SIGNATURE], data[_SIGNATURE:]
            if is_layout_signed(secret, name, body, signature):
                return Layout(zlib.decompress(body)), -(-len(data) // _VALUE)
        raise LookupError(key)


def _name(secret: str, key: str) -> str:
    return layout_name(secret, VERSION + key.encode())


class Folder:
    """A cache in a folder. Only the app's processes may read its files. Files of other programs in it stay."""

    def __init__(self, path: str | Path) -> None:
        """Make the folder if it is missing. Raises ConfigError if there is a file, or the app may not make it."""
        self._path = Path(path)
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _not_usable(f"the app cannot make the folder {str(path)!r} ({error.strerror})") from error

    def get(self, name: str, /) -> bytes | None:
        """Return the bytes of a file; None without it."""
        with suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def set(self, name: str, value: bytes, life_s: int, /) -> None:
        """Replace a file, and delete layouts that are too old. Raises ConfigError if the folder is not the app's."""
        self._require_own()
        try:
            self._replace(name, value)
        except PermissionError as error:
            raise _not_usable(f"the app may not write to the folder {str(self._path)!r} ({error})") from error
        self._delete_old(time.time() - life_s)

    def touch(self, name: str, _life_s: int, /) -> bool:
        """Set the time of a file."""
        with suppress(FileNotFoundError):
            os.utime(self._path / name)
            return True
        return False

    def _require_own(self) -> None:
        """Raise ConfigError if another user could delete or replace layouts. Members of the folder's group may."""
        status = self._path.stat()
        if status.st_uid not in (0, os.geteuid()):
            what = f"the folder {str(self._path)!r} belongs to user {status.st_uid}, and the app is user {os.geteuid()}"
            raise _not_usable(what)
        if status.st_mode & stat.S_IWOTH:
            mode = stat.S_IMODE(status.st_mode)
            raise _not_usable(f"all users can write to the folder {str(self._path)!r} (mode {mode:o})")

    def _replace(self, name: str, value: bytes) -> None:
        """Give a file its name when it is whole: other processes read it meanwhile."""
        with NamedTemporaryFile(dir=self._path, prefix=_TEMPORARY, delete=False) as file:
            try:
                file.write(value)
                file.flush()
                Path(file.name).replace(self._path / name)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _delete_old(self, until: float) -> None:
        """Delete layouts that were last used before `until`. An old file that stays does not break an archive."""
        with suppress(OSError), os.scandir(self._path) as entries:
            for entry in entries:
                if _OWN_FILE.fullmatch(entry.name):
                    with suppress(OSError):  # another process deleted it, or it belongs to another user
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) and status.st_mtime < until:
                            Path(entry).unlink()


def _not_usable(what: str) -> ConfigError:
    remedy = "Choose a folder of the app's own: its user owns it, and it has mode 700."
    return ConfigError(what, where='XACCEL["ARCHIVES"]["layouts"]', remedy=remedy)
