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

SCREEN = '[innerWidth, matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"]'
"""What a page sees of the screen."""

SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((390, "dark"), (1280, "light"))
"""The width of a phone and of a desk, in pixels, and the colours that the user prefers."""

RESIZE = """
width => { document.querySelectorAll("iframe").forEach(frame => { frame.width = width }); document.body.offsetWidth }
"""


def test_no_page_is_wider_than_the_screen(
    site: Path, unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    # frames of one page: a page that was opened by itself would be laid out, painted and laid out again
    pages = [path.as_uri() for path in site.rglob("*.html")]
    frames = tmp_path / "frames.html"
    frames.write_text(
        "<!doctype html>" + "".join(f'<iframe height="100" src="{page}"></iframe>' for page in pages)
    )
    wide = {}
    with chromium(unavailable) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 100})
        page.goto(frames.as_uri())
        for screen in SCREENS:
            page.emulate_media(color_scheme=screen[1])
            page.evaluate(RESIZE, screen[0])
            for frame in page.frames[1:]:
                assert frame.evaluate(SCREEN) == [*screen]
                if overhang := max(frame.evaluate(OVERHANG)):
                    wide[frame.url, screen] = overhang
        assert {frame.url for frame in page.frames[1:]} == {*pages}
    assert wide == {}
