"""Every page fits the screen of a phone and of a desk, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NoReturn

from tests.browser.conftest import chromium

OVERHANG = """
[document.documentElement, ...document.querySelectorAll(".content")].map(part => part.scrollWidth - part.clientWidth)
"""
"""How far the page and its text scroll sideways, in pixels; code and tables scroll on their own."""

SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((390, "dark"), (1280, "light"))
"""The width of a phone and of a desk, in pixels, and the colours that the user prefers."""


def test_no_page_is_wider_than_the_screen(site: Path, unavailable: Callable[[str], NoReturn]) -> None:
    wide = {}
    with chromium(unavailable) as browser:
        page = browser.new_page()
        for path in sorted(site.rglob("*.html")):
            # another width takes less than loading the page again, and a low window has little to paint
            page.goto(path.as_uri())
            for width, scheme in SCREENS:
                page.set_viewport_size({"width": width, "height": 100})
                page.emulate_media(color_scheme=scheme)
                if overhang := max(page.evaluate(OVERHANG)):
                    wide[str(path.relative_to(site)), width] = overhang
    assert wide == {}
