"""Keep layouts where all processes of the app find them: in a folder, or a cache such as Django's."""

from __future__ import annotations

import hmac
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from xaccel.archives.layout import VERSION, Layout
from xaccel.errors import ConfigError

LIFE_S = 2 * 86400
"""Seconds from the last hand-off of an archive: a download takes no longer without another request."""
_VALUE = 500_000
"""Most bytes of a value: memcached has at most 1 MB."""
_IN_MEMORY = 4
_SIGNATURE = 32
"""Bytes before the body."""


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
        data = _signature(self._secrets[0], name, body) + body
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
            if hmac.compare_digest(signature, _signature(secret, name, body)):
                return Layout(zlib.decompress(body)), -(-len(data) // _VALUE)
        raise LookupError(key)


def _name(secret: str, key: str) -> str:
    digest = hmac.digest(secret.encode(), b"xaccel archive" + VERSION + key.encode(), "sha256")
    return f"xaccel.layout.{digest.hex()[:40]}"


def _signature(secret: str, name: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), name.encode() + body, "sha256")


class Folder:
    """A cache in a folder. Only the app's processes may read it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def get(self, name: str, /) -> bytes | None:
        """Return the bytes of a file; None without it."""
        with suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def set(self, name: str, value: bytes, life_s: int, /) -> None:
        """Replace a file, and delete those that are too old."""
        with NamedTemporaryFile(dir=self._path, delete=False) as file:
            file.write(value)
        Path(file.name).replace(self._path / name)
        for old in os.scandir(self._path):
            with suppress(FileNotFoundError):  # another process deleted it
                if old.stat().st_mtime < time.time() - life_s:
                    Path(old).unlink()

    def touch(self, name: str, _life_s: int, /) -> bool:
        """Set the time of a file."""
        with suppress(FileNotFoundError):
            os.utime(self._path / name)
            return True
        return False
