"""A video that shows its own time, so that a jump in it can be seen.

WebM with VP8. Pillow writes a lossy WebP picture as one VP8 key frame (RFC 9649 section 2.5), so no video
encoder is needed. The frames are taken out of the WebP files and put into a Matroska container. Every frame is a key
frame, so that a player can jump to any of them by the index at the end.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

from portal.demo.sample_files import matroska

SECONDS = 120
_REPEATS = 12
"""Each picture is repeated in this many frames, which makes the file large enough that players load it in parts. One
picture takes 6 ms, and the demo waits for all."""

_SIZE = (480, 270)


def blocks() -> Iterator[bytes]:
    """Yield the file, one second of it at a time; about 13 MB."""
    yield from matroska.webm(_clusters(), size=_SIZE, seconds=SECONDS)


def _clusters() -> Iterator[list[tuple[int, bytes]]]:
    font = ImageFont.load_default(105)
    for second in range(SECONDS):
        frame = _vp8(_picture(second, font))
        yield [(repeat * 1000 // _REPEATS, frame) for repeat in range(_REPEATS)]


def _picture(second: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    picture = Image.new("RGB", _SIZE, (18, 52, 86))
    draw = ImageDraw.Draw(picture)
    turn = 2 * math.pi * second / 60
    draw.ellipse([20, 60, 170, 210], outline=(127, 200, 169), width=5)
    hand = (95 + 66 * math.sin(turn), 135 - 66 * math.cos(turn))
    draw.line([(95, 135), hand], fill=(255, 255, 255), width=5)
    draw.text((330, 135), f"{second // 60}:{second % 60:02}", font=font, anchor="mm", fill=(255, 255, 255))
    draw.rectangle([0, 262, _SIZE[0] * second // SECONDS, 270], fill=(127, 200, 169))
    return picture


def _vp8(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=92, method=0)
    file = out.getvalue()
    kind, length = struct.unpack("<4sI", file[12:20])
    if kind != b"VP8 ":
        raise ValueError(f"Pillow wrote {kind!r} instead of a lossy picture")
    return file[20 : 20 + length]
