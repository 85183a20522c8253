"""Bytes that nothing can compress."""

from __future__ import annotations

import random
from collections.abc import Iterator

_BLOCK = 1024 * 1024


def blocks(size: int) -> Iterator[bytes]:
    """Yield `size` pseudo-random bytes."""
    source = random.Random(size)
    for start in range(0, size, _BLOCK):
        yield source.randbytes(min(_BLOCK, size - start))
