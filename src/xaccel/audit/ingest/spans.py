"""Which bytes of a file were sent: the union of the parts, however often and in whatever order they went out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

Span = tuple[int, int]
"""First byte, and the byte behind the last."""

MOST = 1000
"""Gaps that are remembered for one download. A client that makes more is told less of than was sent, never more."""


def add(spans: Sequence[Span], first: int, end: int) -> tuple[Span, ...]:
    """Return `spans` (sorted, apart from each other) with the bytes from `first` up to but without `end`.

    Where that would be more than MOST, the new part is left out.
    """
    if end <= first:
        return tuple(spans)
    if not spans:
        return ((first, end),)
    low = bisect_left(spans, first, key=lambda span: span[1])
    high = bisect_right(spans, end, key=lambda span: span[0])
    if low < high:
        first, end = min(first, spans[low][0]), max(end, spans[high - 1][1])
    joined = (*spans[:low], (first, end), *spans[high:])
    return joined if len(joined) <= MOST else tuple(spans)


def length(spans: Sequence[Span]) -> int:
    """Return how many bytes they are."""
    return sum([end - first for first, end in spans])


def cover(spans: Sequence[Span], total: int) -> bool:
    """Tell whether every byte of a file of `total` bytes is in them; an empty file is covered by nothing."""
    return total == 0 or (len(spans) == 1 and spans[0][0] == 0 and spans[0][1] >= total)
