"""The members of the archives that are measured: the same few files again and again, under other names."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel import ObjectRef
from xaccel.features.archives.crc import file_etag
from xaccel.features.archives.members import ZipMember

SLOW_TAG = '"slow"'
"""The entity tag of all that the slow storage has."""


@dataclass(frozen=True, slots=True)
class Group:
    """Members of an archive. crc32: of files too large to read."""

    paths: Sequence[Path]
    number: int
    origin: str = "fast"
    crc32: int | None = None

    def described(self) -> dict[str, Any]:
        """Return what `members_of` takes, of values that JSON has."""
        files = []
        for path in self.paths:
            found = path.stat()
            crc32 = zlib.crc32(path.read_bytes()) if self.crc32 is None else self.crc32
            etag = SLOW_TAG if self.origin == "slow" else file_etag(found)
            files.append((path.name, found.st_size, crc32, etag))
        return {"files": files, "number": self.number, "origin": self.origin}


def members_of(groups: Iterable[dict[str, Any]]) -> Iterator[ZipMember]:
    """Yield the members of an archive."""
    for group in groups:
        files, origin = group["files"], group["origin"]
        for number in range(group["number"]):
            key, size, crc32, etag = files[number % len(files)]
            path = f"{origin}/{number // 1000}/{number}.bin"
            yield ZipMember(ObjectRef(origin, key), name=path, size=size, crc32=crc32, etag=etag)
