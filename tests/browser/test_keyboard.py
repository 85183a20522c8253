"""Each element that the Tab key reaches can be seen, on a wide screen and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.people import signed_in
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build

_FOCUSED = """() => {
    const it = document.activeElement, box = it.getBoundingClientRect()
    const hidden = [...Array(20)].reduce((found) => {
        if (!found.node) return found
        const clipped = getComputedStyle(found.node).clipPath !== "none"
        return {node: found.node.parentElement, hidden: found.hidden || clipped}
    }, {node: it, hidden: false}).hidden
    return [it.tagName + " " + it.textContent.trim(), hidden || box.width < 10 || box.height < 10 || box.right <= 0]
}"""


@pytest.mark.parametrize("width", [1440, 390])
def test_focus_is_never_out_of_sight(portal: Stack, page: Page, width: int) -> None:
    signed_in(portal, page, "alice")
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("/", "/downloads"):
        page.goto(f"{portal.nginx.url}{path}")
        seen = []
        while True:
            page.keyboard.press("Tab")
            name, out_of_sight = page.evaluate(_FOCUSED)
            if name.startswith("BODY") or len(seen) == 100:
                break
            seen.append((name, out_of_sight))
        assert len(seen) > 5
        assert [name for name, out_of_sight in seen if out_of_sight] == []


def test_the_first_file_is_on_the_first_screen_of_a_phone(portal: Stack, page: Page) -> None:
    signed_in(portal, page, "alice")
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.get_by_role("rowheader").first.bounding_box()
    assert box is not None
    assert box["y"] < 844


def test_a_phone_can_sort(portal: Stack, page: Page) -> None:
    signed_in(portal, page, "alice")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Size").click()
    page.wait_for_url("**/?sort=size")
    assert page.get_by_role("columnheader", name="Size").get_attribute("aria-sort") == "ascending"
