"""The style sheet keeps text readable for everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "portal" / "static" / "portal"


def scheme_of(sheet: str, end: str) -> tuple[str, str]:
    light, dark = (STATIC / sheet).read_text().split(end)[0].split("@media (prefers-color-scheme: dark)")
    return light, dark


LIGHT, DARK = map(
    "".join, zip(scheme_of("portal.css", "*, *::before"), scheme_of("charts.css", ".tone-"), strict=True)
)
TEXT = {
    "ink": ["page", "card", "wash"],
    "soft": ["page", "card", "wash"],
    "accent": ["page", "card"],
    "accent-strong": ["card", "wash"],
    "on-accent": ["accent", "accent-strong"],
    "good": ["good-wash"],
    "bad": ["bad-wash"],
}
DRAWN = [
    "field",
    *(f"tint-{kind}" for kind in ("document", "image", "video", "audio", "table", "archive")),
    *(f"tone-{kind}" for kind in ("whole", "part", "denied", "refused", "nothing")),
]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_contrast_aa_and_graphics_3_to_1(scheme: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", scheme))
    pairs = {(text, ground): 4.5 for text, grounds in TEXT.items() for ground in grounds}
    pairs |= {(drawn, "card"): 3.0 for drawn in DRAWN}
    weak = {
        pair: least for pair, least in pairs.items() if contrast(*(colours[name] for name in pair)) < least
    }
    assert not weak
