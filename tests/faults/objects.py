"""The objects in the bucket of the topology."""

from __future__ import annotations

import hashlib
import random

SMALL, MEDIUM, LARGE = "small.bin", "medium.bin", "large.bin"
OBJECTS = {
    name: random.Random(name).randbytes(size)
    for name, size in {SMALL: 4_000, MEDIUM: 1_000_000, LARGE: 30_000_000}.items()
}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in OBJECTS.items()}
