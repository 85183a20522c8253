"""What a transfer costs NGINX in memory: docs/background/performance.md, tests/live/response/test_memory.py."""

from __future__ import annotations

from xaccel.site.rules import HEAD_KB, split_buffers

_BESIDE_KB = 40
"""Beside its buffers, which with the allocator of musl take up to an eighth more than their size."""
_NJS_KB = 20
"""What njs has of each request."""
_KEPT_KB = 80
"""What is read again of an object that goes into the cache, where NGINX cannot send from the file itself."""
TLS_KB = 80
"""What a side with TLS costs."""


def memory_kb(buffers: str, *, njs: bool = False, kept: bool = False) -> int:
    """Return what a slow client costs at most, without TLS, in KB, on the build of NGINX that takes most."""
    count, size = split_buffers(buffers)
    more = (_NJS_KB if njs else 0) + (_KEPT_KB if kept else 0)
    return count * size * 9 // 8 + HEAD_KB + _BESIDE_KB + more
