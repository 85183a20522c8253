"""Files whose every byte is known, so that what a contender sent can be compared with them."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from benchmarks.clients.wrk import Stored

_BLOCK = 16 * 1024 * 1024


def made(path: Path, size: int) -> Stored:
    """Write a file of that size, the same each time, of which no two blocks are equal."""
    digest, source, left = hashlib.sha256(), random.Random(size), size
    with path.open("wb") as file:
        while left:
            block = source.randbytes(min(left, _BLOCK))
            digest.update(block)
            file.write(block)
            left -= len(block)
    return Stored(path, size, digest.hexdigest())
