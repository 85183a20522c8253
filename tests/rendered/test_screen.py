"""Every page fits the screen of a phone and of a desk, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NoReturn

import pytest

from tests.browser.conftest import chromium

OVERHANG = """
[document.documentElement, ...document.querySelectorAll(".content")].map(part => part.scrollWidth - part.clientWidth)
"""
"""How far the page and its text scroll sideways, in pixels; code and tables scroll on their own."""


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")], ids=["phone", "desk"])
def test_no_page_is_wider_than_the_screen(
    site: Path, unavailable: Callable[[str], NoReturn], width: int, scheme: Literal["light", "dark"]
) -> None:
    wide = {}
    with chromium(unavailable) as browser:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri())
            if overhang := max(page.evaluate(OVERHANG)):
                wide[str(path.relative_to(site))] = overhang
    assert wide == {}
