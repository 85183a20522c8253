"""Keep layouts where all processes of the app find them: in a folder, or a cache such as Django's."""

from __future__ import annotations

import hmac
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

from xaccel.archives.layout import VERSION, Layout
from xaccel.errors import ConfigError

LIFE_S = 2 * 86400
"""Seconds from the last hand-off of an archive: a download takes no longer without another request."""
_CHUNK = 500_000
"""Bytes of a value in a cache: memcached has at most 1 MB."""
_IN_MEMORY = 4
_SIGNATURE = 32
"""Bytes before the body."""


class Store(Protocol):
    """Keeps bytes by name, for LIFE_S after the last `write` or `touch`. All processes of the app see the same ones."""

    def read(self, name: str) -> bytes | None:
        """Return the bytes; None if they are lost."""

    def write(self, name: str, data: bytes) -> bool:
        """Keep bytes, and return whether they are kept."""

    def touch(self, name: str) -> bool:
        """Lengthen the life of bytes, and return whether they are there."""


class Layouts:
    """The layouts of a site, each by the key of its selection; the last few are in memory too. Thread-safe.

    A program that can write to the store cannot change an archive, and not give one site or selection that of another.
    """

    def __init__(self, store: Store, secrets: Sequence[str]) -> None:
        self._store = store
        self._secrets = secrets
        self._load = lru_cache(maxsize=_IN_MEMORY)(self._read)

    def keep(self, key: str, layout: Layout) -> None:
        """Keep a layout. Raises ConfigError if it is not kept."""
        name, body = _name(self._secrets[0], key), zlib.compress(layout.body, 1)
        if not self._store.write(name, _signature(self._secrets[0], name, body) + body):
            what = f"the layout of {len(layout)} files is lost at once"
            raise ConfigError(what, where="ARCHIVES", remedy="Give the cache of the layouts more memory.")

    def renew(self, key: str) -> Layout | None:
        """Return a layout that is kept, for another hand-off; None if it must be made."""
        return self.get(key) if self._store.touch(_name(self._secrets[0], key)) else None

    def get(self, key: str) -> Layout | None:
        """Return the layout; None if it is lost or was altered, so that the archive cannot go on."""
        with suppress(LookupError):
            return self._load(key)
        return None

    def _read(self, key: str) -> Layout:
        for secret in self._secrets:
            name = _name(secret, key)
            data = self._store.read(name) or b""
            signature, body = data[:_SIGNATURE], data[_SIGNATURE:]
            if hmac.compare_digest(signature, _signature(secret, name, body)):
                return Layout(zlib.decompress(body))
        raise LookupError(key)


def _name(secret: str, key: str) -> str:
    return hmac.digest(secret.encode(), b"xaccel archive" + VERSION + key.encode(), "sha256").hex()[:40]


def _signature(secret: str, name: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), name.encode() + body, "sha256")


class Folder:
    """A store in a folder. Only the app's processes may read it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file; None without it."""
        with suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def write(self, name: str, data: bytes) -> bool:
        """Replace a file, and delete old ones."""
        with NamedTemporaryFile(dir=self._path, delete=False) as file:
            file.write(data)
        Path(file.name).replace(self._path / name)
        for old in os.scandir(self._path):
            with suppress(FileNotFoundError):  # another process deleted it
                if old.stat().st_mtime < time.time() - LIFE_S:
                    Path(old).unlink()
        return True

    def touch(self, name: str) -> bool:
        """Set the time of a file."""
        with suppress(FileNotFoundError):
            os.utime(self._path / name)
            return True
        return False


class Cache:
    """A store in a cache with the methods of Django's."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def read(self, name: str) -> bytes | None:
        """Return the bytes of all values; None if one is lost."""
        keys = self._cache.get(f"xaccel.layout.{name}")
        found = self._cache.get_many(keys) if keys else {}
        return b"".join(found[key] for key in keys) if found and len(found) == len(keys) else None

    def write(self, name: str, data: bytes) -> bool:
        """Set values of a size that each cache accepts."""
        head, digest = f"xaccel.layout.{name}", sha256(data).hexdigest()[:16]
        values: dict[str, Any] = {
            f"{head}.{digest}.{at}": data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)
        }
        self._cache.set_many(values, LIFE_S)
        self._cache.set(head, list(values), LIFE_S)
        return self.touch(name)

    def touch(self, name: str) -> bool:
        """Lengthen the life of all values."""
        head = f"xaccel.layout.{name}"
        keys = self._cache.get(head)
        return bool(keys) and all(self._cache.touch(key, LIFE_S) for key in (*keys, head))
