"""Files that a browser shows, made here. Those that can hold a script hold one: it renames the page and calls home."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from portal.demo.sample_files import report

SCRIPT = b"document.title = 'ran'; fetch('/page?called-home')"
AUDIO_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Opened:
    """content: makes the bytes."""

    key: str
    content_type: str
    content: Callable[[], bytes]


def _html() -> bytes:
    return (
        b"<!doctype html><meta charset=utf-8><title>quiet</title>"
        b"<p style='background: rgb(0, 128, 0); height: 300px'>Hello</p>"
        b'<img src=x onerror="' + SCRIPT + b'"><script>' + SCRIPT + b"</script>"
        b"<form action=/page><button>Go</button></form>"
    )


def _svg() -> bytes:
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><title>quiet</title>'
        b'<rect width="400" height="400" fill="rgb(0,128,0)"/><script>' + SCRIPT + b"</script></svg>"
    )


def _png() -> bytes:
    side = 200
    rows = (b"\0" + b"\x00\x80\x00" * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _wav() -> bytes:
    """16 bits, 44,100 a second: more than a player fetches before somebody jumps."""
    rate = 44_100
    second = b"".join(
        struct.pack("<h", int(8000 * math.sin(2 * math.pi * 441 * n / rate))) for n in range(rate)
    )
    sound = second * AUDIO_SECONDS
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(sound))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
        + b"data"
        + struct.pack("<I", len(sound))
        + sound
    )


OPENED = {
    "html": Opened("page.html", "text/html; charset=utf-8", _html),
    "svg": Opened("drawing.svg", "image/svg+xml", _svg),
    "png": Opened("picture.png", "image/png", _png),
    "text": Opened("note.txt", "text/plain; charset=utf-8", "Grüße, 日本語 <b>\n".encode),
    "pdf": Opened("report.pdf", "application/pdf", lambda: b"".join(report.blocks())),
    "audio": Opened("sound.wav", "audio/wav", _wav),
}
