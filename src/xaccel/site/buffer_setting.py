"""How many buffers a transfer has and how large they are, and what a transfer costs."""

from __future__ import annotations

import re

from xaccel.site.setting import Rule

DEFAULT = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""

_BESIDE_KB = 40
"""What a transfer holds beside its buffers, which with the allocator of musl take up to an eighth more than their size.
Measured (docs/background/performance.md)."""
_NJS_KB = 20
"""What njs holds of each request. This and what follows is measured in tests/live/test_memory.py."""
_KEPT_KB = 80
"""What is read again of an object that goes into the cache, where NGINX cannot send from the file itself."""
TLS_KB = 80
"""What a side with TLS costs."""

_BUFFERS = re.compile(r"([1-9][0-9]{0,2}) ([1-9][0-9]{0,3})k")
_MOST, _SMALLEST_KB, _LARGEST_KB = 256, 4, 1024


def split(text: str) -> tuple[int, int]:
    """Return the number of buffers and the size of one in KB."""
    count, size = text.removesuffix("k").split(" ")
    return int(count), int(size)


def _fits(text: str) -> bool:
    # NGINX refuses a proxy_busy_buffers_size over all buffers but one, or under proxy_buffer_size
    if not _BUFFERS.fullmatch(text):
        return False
    count, size = split(text)
    return 2 <= count <= _MOST and _SMALLEST_KB <= size <= _LARGEST_KB and (count - 1) * size >= HEAD_KB


RULE = Rule(
    _fits,
    "{} is no number and size of buffers",
    f'Write for example "{DEFAULT}": 2 to {_MOST} buffers of {_SMALLEST_KB}k to {_LARGEST_KB}k each.'
    f" All but one must hold {HEAD_KB}k together.",
)


def memory_kb(buffers: str, *, njs: bool = False, kept: bool = False) -> int:
    """Return what a slow client costs at most, without TLS, in KB, on the build of NGINX that takes most."""
    count, size = split(buffers)
    more = (_NJS_KB if njs else 0) + (_KEPT_KB if kept else 0)
    return count * size * 9 // 8 + HEAD_KB + _BESIDE_KB + more
