"""Bytes that gzip cannot compress."""

from __future__ import annotations

import random
from collections.abc import Iterator

_BLOCK = 1024 * 1024
_STEP = 3163
"""An odd number: no two of a million blocks are the same."""


def blocks(size: int) -> Iterator[bytes]:
    """Yield `size` pseudo-random bytes."""
    # rotations of one random block, which take a fiftieth of the time of other random bytes
    block = random.Random(size).randbytes(_BLOCK)
    for start in range(0, size, _BLOCK):
        turned = start // _BLOCK * _STEP % _BLOCK
        yield (block[turned:] + block[:turned])[: size - start]
