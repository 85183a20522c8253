"""The sample files: names, object keys, ages, and the users who may have them.

Most are the files of a small boat yard. The names and object keys in the folder DIFFICULT hold what breaks downloads
elsewhere: two scripts, one of them from right to left, quotes, blanks, "%", "#", "+", "?" and "//". "50%20off.txt" and
"50 off.txt" are two objects: decoding once too often swaps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from portal.demo.sample_files import clock, noise, picture, report, text

LARGE_BYTES = 300 * 1024 * 1024
DIFFICULT = "Difficult names"
"""The folder of the files whose names or contents are made to break something."""


@dataclass(frozen=True, slots=True)
class Sample:
    """blocks: makes the bytes, piece by piece, the same ones at every call. age_days: since it was shared."""

    name: str
    key: str
    content_type: str
    blocks: Callable[[], Iterable[bytes]]
    users: tuple[str, ...] = ("alice",)
    groups: tuple[str, ...] = ()
    folder: str = ""
    age_days: float = 0


def samples(large_bytes: int = LARGE_BYTES) -> Iterator[Sample]:
    """Yield all samples; `large_bytes` is the size of the largest."""
    finance = ("finance",)
    annual = ("Annual report 2026.pdf", "reports/2026/annual report.pdf")
    yield Sample(*annual, _PDF, report.blocks, groups=finance, age_days=2)
    yield Sample("Harbour at dusk.jpg", "images/harbour@2x.jpg", "image/jpeg", picture.blocks, age_days=5)
    yield Sample("Clock (two minutes).webm", "video/clock=2min.webm", "video/webm", clock.blocks, age_days=33)
    large = partial(noise.blocks, large_bytes)
    yield Sample("Archive, 300 MB.bin", "archive/300 MB.bin", "application/octet-stream", large, age_days=61)
    for name, key, age_days, groups in _LETTERS:
        letter = partial(report.blocks, name.removesuffix(".pdf"), 1)
        yield Sample(name, key, _PDF, letter, groups=groups, age_days=age_days)
    minutes = partial(text.minutes, "Yard meeting, 3 September 2026")
    yield Sample("Yard meeting, 3 September.txt", "minutes/2026-09-03.txt", _TEXT, minutes, age_days=83)
    both = ("alice", "bob")
    yield Sample("Price list, autumn.csv", "prices/autumn 2026.csv", _CSV, text.prices, both, age_days=74)
    yield Sample("Ledger.csv", "finance/ledger.csv", _CSV, text.ledger, (), finance, age_days=19)
    for name, key in _TEXTS:
        yield Sample(name, key, _TEXT, partial(text.blocks, name), folder=DIFFICULT, age_days=140)
    for name, key, content_type, blocks in _HARMFUL:
        yield Sample(name, key, content_type, blocks, folder=DIFFICULT, age_days=139)


_PDF, _CSV, _TEXT = "application/pdf", "text/csv", "text/plain; charset=utf-8"
_LETTERS = (
    ("Invoice 2026-117, Harbour Office.pdf", "invoices/2026-117.pdf", 12, ("finance",)),
    ("Quotation, dinghy with sails.pdf", "quotations/2026-031.pdf", 26, ()),
    ("Invoice 2026-104, Sailing Club.pdf", "invoices/2026-104.pdf", 47, ("finance",)),
    ("Mooring contract, berth 14.pdf", "contracts/berth 14.pdf", 96, ()),
    ("Insurance certificate.pdf", "contracts/insurance.pdf", 128, ("finance",)),
)
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
_HARMFUL: tuple[tuple[str, str, str, Callable[[], Iterable[bytes]]], ...] = (
    ("Empty.txt", "empty", "text/plain", tuple),
    ("Drawing.svg", "drawings//nested/drawing.svg", "image/svg+xml", text.drawing),
    ("Page.html", "pages/page.html", "text/html; charset=utf-8", text.page),
)
