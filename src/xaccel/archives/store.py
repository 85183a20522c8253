"""Keep layouts by their content, where all processes of the app find them: in a folder, or a cache such as Django's."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

from xaccel.archives.layout import Layout
from xaccel.errors import ConfigError

LIFE_S = 2 * 86400
"""Seconds from the last hand-off of an archive: a download takes no longer without another request."""
_CHUNK = 500_000
"""Bytes of a value in a cache: memcached has at most 1 MB."""
_IN_MEMORY = 4


class Store(Protocol):
    """Keeps bytes by name, for LIFE_S after the last `write`. All processes of the app see the same ones."""

    def read(self, name: str) -> bytes | None:
        """Return the bytes; None if they are lost."""

    def write(self, name: str, data: bytes) -> bool:
        """Keep bytes, and return whether they are kept."""


class Layouts:
    """The layouts of a site; the last few are in memory too. Thread-safe."""

    def __init__(self, store: Store, secrets: Sequence[str]) -> None:
        self._store = store
        self._secrets = secrets
        self._load = lru_cache(maxsize=_IN_MEMORY)(self._read)

    def put(self, layout: Layout) -> str:
        """Keep a layout, and return its tag: its entity tag without quotes. Raises ConfigError if it is not kept."""
        tag, secret = layout.etag.strip('"'), self._secrets[0]
        if not self._store.write(_name(secret, tag), layout.pack(secret)):
            what = f"the layout of {len(layout)} files is lost at once"
            raise ConfigError(what, where="ARCHIVES", remedy="Give the cache of the layouts more memory.")
        return tag

    def get(self, tag: str) -> Layout | None:
        """Return the layout; None if it is lost, so that the archive cannot go on."""
        with suppress(LookupError):
            return self._load(tag)
        return None

    def _read(self, tag: str) -> Layout:
        for secret in self._secrets:
            if packed := self._store.read(_name(secret, tag)):
                layout = Layout.unpack(packed, [secret])
                # Another layout of the site would be other files, with the permission for these.
                if layout.etag == f'"{tag}"':
                    return layout
        raise LookupError(tag)


def _name(secret: str, tag: str) -> str:
    return hmac.digest(secret.encode(), f"xaccel archive {tag}".encode(), "sha256").hex()[:40]


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
        """Set values of a size that each cache accepts; if all are there, lengthen their life."""
        head, digest = f"xaccel.layout.{name}", sha256(data).hexdigest()[:16]
        values: dict[str, Any] = {
            f"{head}.{digest}.{at}": data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)
        }
        values[head] = list(values)
        if not self._is_there(values):
            self._cache.set_many(values, LIFE_S)
        return self._is_there(values)

    def _is_there(self, values: dict[str, Any]) -> bool:
        return all(self._cache.touch(key, LIFE_S) for key in values)
