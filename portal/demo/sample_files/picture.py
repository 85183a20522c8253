"""A photograph's stand-in: a harbour at dusk, drawn."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFilter

_SIZE = (1600, 1000)
_HORIZON = 620


def blocks() -> Iterator[bytes]:
    """Yield a JPEG of about 200 KB."""
    picture = Image.new("RGB", _SIZE)
    draw = ImageDraw.Draw(picture)
    for y in range(_SIZE[1]):
        draw.line([(0, y), (_SIZE[0], y)], fill=_colour(y))
    source = random.Random(7)
    for _ in range(60):
        x, height = source.randrange(_SIZE[0]), source.randrange(20, 130)
        width = source.randrange(20, 80)
        draw.rectangle([x, _HORIZON - height, x + width, _HORIZON], fill=(24, 26, 48))
        for _ in range(3):
            window = (x + source.randrange(width), _HORIZON - source.randrange(height))
            draw.rectangle([*window, window[0] + 4, window[1] + 5], fill=(255, 214, 120))
    draw.ellipse([1140, 430, 1240, 530], fill=(255, 196, 120))
    for _ in range(1500):
        x, y = source.randrange(_SIZE[0]), source.randrange(_HORIZON + 6, _SIZE[1])
        colour = (255, 176, 120) if x % 3 else (60, 70, 110)
        draw.line([(x, y), (x + source.randrange(10, 70), y)], fill=colour)
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1)).save(out, "JPEG", quality=88)
    yield out.getvalue()


def _colour(y: int) -> tuple[int, int, int]:
    part = y / _HORIZON if y < _HORIZON else 1 - 0.7 * (y - _HORIZON) / (_SIZE[1] - _HORIZON)
    return int(40 + 200 * part**2), int(44 + 80 * part), int(92 + 20 * part)
