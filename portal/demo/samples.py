"""The sample files: names, object keys, and the users who may have them.

Names and object keys hold what breaks downloads elsewhere: two scripts, one of them from right to left, quotes, blanks,
"%", "#", "+", "?" and "//". "50%20off.txt" and "50 off.txt" are two objects: decoding once too often swaps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from portal.demo.sample_files import clock, noise, picture, report, text

LARGE_BYTES = 300 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """blocks: makes the bytes, piece by piece, the same ones at every call."""

    name: str
    key: str
    content_type: str
    blocks: Callable[[], Iterable[bytes]]
    users: tuple[str, ...] = ("alice",)
    groups: tuple[str, ...] = ()


def samples(large_bytes: int = LARGE_BYTES) -> Iterator[Sample]:
    """Yield all samples; `large_bytes` is the size of the largest."""
    yield Sample(
        "Annual report 2026.pdf",
        "reports/2026/annual report.pdf",
        "application/pdf",
        report.blocks,
        groups=("finance",),
    )
    yield Sample("Harbour at dusk.jpg", "images/harbour@2x.jpg", "image/jpeg", picture.blocks)
    yield Sample("Clock (two minutes).webm", "video/clock=2min.webm", "video/webm", clock.blocks)
    yield Sample(
        "Archive, 300 MB.bin",
        "archive/300 MB.bin",
        "application/octet-stream",
        partial(noise.blocks, large_bytes),
    )
    yield Sample("Empty.txt", "empty", "text/plain", tuple)
    for name, key in _TEXTS:
        yield Sample(name, key, "text/plain; charset=utf-8", partial(text.blocks, name))
    yield Sample("Drawing.svg", "drawings//nested/drawing.svg", "image/svg+xml", text.drawing)
    yield Sample("Page.html", "pages/page.html", "text/html; charset=utf-8", text.page)
    yield Sample("Ledger.csv", "finance/ledger.csv", "text/csv", text.ledger, users=(), groups=("finance",))


_TEXTS = (
    ("会議の議事録.txt", "文書/会議の議事録.txt"),
    ("تقرير المشروع.txt", "تقارير/تقرير المشروع.txt"),
    ('The "final" version.txt', 'quotes/the "final" one\'s.txt'),
    ("Two  words  and more.txt", "spaces/two  words  and more.txt"),
    ("100% sure.txt", "percent/100% sure.txt"),
    ("50%20off.txt", "percent/50%20off.txt"),
    ("50 off.txt", "percent/50 off.txt"),
    ("Track #7.txt", "hash/track #7?.txt"),
    ("C++ notes.txt", "plus/c++ notes.txt"),
)
