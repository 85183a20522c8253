"""Write the template from which NGINX assembles an archive by server-side includes (SSI), or a range of it.

The template has the literal bytes of headers and directory, and an include for each member or part. All about a member
is in the arguments of its include, since NGINX shares variables between includes (engine/archives/member.conf).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from math import isqrt

from xaccel.features.archives.layout import LaidOut, Layout, Piece

TYPE = "application/x-xaccel-template"
LEAST_MEMBERS = 100
"""Members of a part, at least. A part costs NGINX as much memory as a member, so large archives have √n parts."""
MOST_BYTES = 32 << 30
"""Bytes of members in a part, so that a signature for its last one is valid in time: 6 days at 64 KiB/s."""
DIRECTORY_BYTES = 320 << 10
"""Bytes of a part of the directory: NGINX buffers a template in 1 MB."""

_COMMAND = b"<!--#"
_NOTHING = b'<!--#config timefmt="x" -->'
"""A command without output."""


Source = Callable[[LaidOut], tuple[str, str]]
"""From a member to the origin, and the URL without "#", from which NGINX fetches it."""


def parts(layout: Layout) -> Iterator[Piece]:
    """Yield the parts of an archive, each for one more request of NGINX: runs of members, then of the directory."""
    most, begins = max(LEAST_MEMBERS, isqrt(len(layout))), layout.begins
    number = index = 0
    while index < len(layout):
        fitting = bisect_right(begins, begins[index] + MOST_BYTES) - 1
        end = min(max(fitting, index + 1), index + most, len(layout))
        yield Piece(number, begins[index], begins[end])
        number, index = number + 1, end
    for first in range(layout.directory, layout.size, DIRECTORY_BYTES):
        yield Piece(number, first, min(first + DIRECTORY_BYTES, layout.size))
        number += 1


def touched(layout: Layout, first: int, end: int) -> list[Piece]:
    """Return the parts of a range, each cut to it. A range of one part, or of a small archive, has none."""
    found = [
        Piece(one.number, max(one.first, first), min(one.end, end))
        for one in parts(layout)
        if one.first < end and one.end > first
    ]
    of_members = sum(one.first < layout.directory for one in found)
    return [] if of_members <= 1 and len(found) <= 2 else found


def of_parts(layout: Layout, found: Iterable[Piece]) -> bytes:
    """Return the template that includes parts."""
    asked = (_include("/part", one, layout.size) for one in found)
    return b"".join([*asked, _NOTHING])


def of_members(layout: Layout, first: int, end: int, source: Source) -> bytes:
    """Return the template of a range that includes members."""
    template, literal = [], b""
    for piece in layout.pieces(first, end):
        if isinstance(piece, bytes):
            literal += piece
        else:
            member = layout[piece.number]
            origin, url = source(member)
            included = _include(f"/member/{origin}", piece, member.size, f"{url}#{member.etag[1:-1]}")
            template += [_spelled(literal), included]
            literal = b""
    # NGINX keeps back what may begin a command, and drops it at the end of the template
    return b"".join([*template, _spelled(literal), _NOTHING])


def _include(location: str, what: Piece, size: int, source: str = "") -> bytes:
    """Include, wait, and cut the transfer unless exactly these bytes came: nothing may follow a gap."""
    number, first, end = what
    way = "w" if end - first == size else "p"
    path = f"{location}?{number}:{first}-{end - 1}/{size}:{end - first}:{way}:{source}"
    spelled = path.replace("\\", r"\\").replace("$", r"\$")
    return (
        f'<!--#include virtual="{spelled}" wait="yes" --><!--#if expr="$xaccel_came != {number}" -->'
        '<!--#include virtual="/cut" wait="yes" --><!--#endif -->'
    ).encode("ascii")


def _spelled(literal: bytes) -> bytes:
    """Spell bytes so that SSI outputs them: no name, checksum or offset is read as a command."""
    return literal.replace(_COMMAND, b"<!-" + _NOTHING + b"-#")
