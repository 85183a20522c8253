"""A PDF of a few pages with text that can be selected (ISO 32000-1, chapter 7.5)."""

from __future__ import annotations

from collections.abc import Iterator

_FONT = 3


def blocks(title: str = "Annual report 2026", pages: int = 4) -> Iterator[bytes]:
    """Yield the document: header, objects, the table of their places, trailer."""
    numbers = range(_FONT + 1, _FONT + 1 + 2 * pages, 2)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        _dictionary(f"/Type /Pages /Count {pages} /Kids [{' '.join(f'{n} 0 R' for n in numbers)}]"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for page, number in enumerate(numbers, start=1):
        objects.append(
            _dictionary(
                "/Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
                f" /Resources << /Font << /F {_FONT} 0 R >> >> /Contents {number + 1} 0 R"
            )
        )
        stream = _text(page, f"{title}, page {page} of {pages}")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    written = b"%PDF-1.4\n"
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    yield written
    yield b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    yield b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(written))


def _dictionary(inside: str) -> bytes:
    return f"<< {inside} >>".encode("ascii")


def _text(page: int, heading: str) -> bytes:
    lines = [
        f"({40 - number} boats lay in the harbour in week {page * 12 + number}.) Tj T*"
        for number in range(24)
    ]
    title = f"({heading}) Tj T* T*"
    return "\n".join(["BT /F 14 Tf 22 TL 72 760 Td", title, *lines, "ET"]).encode("ascii")
