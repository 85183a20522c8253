"""The portal's page of charts in Chromium: it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.people import signed_in
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build


@pytest.mark.parametrize(
    ("width", "scheme", "drawn_in"),
    [(1200, "light", "rgb(31, 111, 125)"), (375, "dark", "rgb(99, 183, 196)")],
    ids=["desk", "phone in the dark"],
)
def test_the_charts_show_the_history_of_the_demo(
    portal: Stack, page: Page, width: int, scheme: Literal["light", "dark"], drawn_in: str
) -> None:
    """Under the policy of the portal's pages: a style or script that it forbids is told on the console."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    signed_in(portal, page, "admin")
    page.get_by_role("link", name="Statistics").click()

    assert page.locator("#files svg").count() == 1
    whole = page.locator("#downloads svg .tone-whole rect[height]")
    assert whole.last.evaluate("bar => getComputedStyle(bar).fill") == drawn_in
    assert whole.evaluate_all("all => Math.max(...all.map(bar => bar.getBoundingClientRect().height))") > 20
    for text in page.locator("#downloads svg text").all():
        assert text.bounding_box()["height"] > 10
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_text("Show the numbers of Most").click()
    assert page.locator("#files tbody th").first.is_visible()
    assert told == []
