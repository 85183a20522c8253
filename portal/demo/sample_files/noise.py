"""Bytes that nothing can compress."""

from __future__ import annotations

import random
from collections.abc import Iterator

_BLOCK = 1024 * 1024


def blocks(size: int) -> Iterator[bytes]:
    """Yield `size` pseudo-random bytes."""
    # multiples of one random number, which take a tenth of the time of other random numbers
    source = random.Random(size).getrandbits(8 * _BLOCK)
    for start in range(0, size, _BLOCK):
        block = source * (2 * start // _BLOCK + 1) % (1 << 8 * _BLOCK)
        yield block.to_bytes(_BLOCK, "little")[: size - start]
