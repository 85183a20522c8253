"""How many buffers a transfer has, and how large they are, read from a site's mapping."""

from __future__ import annotations

import re

from xaccel.errors import ConfigError

DEFAULT = "8 16k"
HEAD_KB = 16
"""Of the buffer that takes an origin's headers (`proxy_buffer_size`)."""

_BUFFERS = re.compile(r"([1-9][0-9]{0,2}) ([1-9][0-9]{0,3})k")
_MOST, _SMALLEST_KB, _LARGEST_KB = 256, 4, 1024


def split(text: str) -> tuple[int, int]:
    """Return the number of buffers and the size of one in KB."""
    count, size = text.removesuffix("k").split(" ")
    return int(count), int(size)


def read(value: object, where: str, found: list[ConfigError]) -> str:
    """Read BUFFERS; a problem is put into `found`."""
    if value is None:
        return DEFAULT
    if not isinstance(value, str) or not _BUFFERS.fullmatch(value) or not _fits(*split(value)):
        found.append(
            ConfigError(
                f"{value!r} is no number and size of buffers",
                where=where,
                remedy=f'Write for example "{DEFAULT}": 2 to {_MOST} buffers of {_SMALLEST_KB}k to {_LARGEST_KB}k each.'
                f" All but one must hold {HEAD_KB}k together.",
            )
        )
        return DEFAULT
    return value


def _fits(count: int, size: int) -> bool:
    # NGINX refuses a proxy_busy_buffers_size over all buffers but one, or under proxy_buffer_size
    return 2 <= count <= _MOST and _SMALLEST_KB <= size <= _LARGEST_KB and (count - 1) * size >= HEAD_KB
