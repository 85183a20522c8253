"""axe-core finds nothing on the portal's pages, light and dark, on a wide screen and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.axe import violations
from tests.browser.people import named, signed_in
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build

_NOWHERE = "/files/00000000-0000-4000-8000-000000000000/download"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_has_a_violation(
    portal: Stack, page: Page, axe: str, scheme: Literal["light", "dark"], width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    wrong = {}

    def look(*paths: str) -> None:
        for path in paths:
            page.goto(f"{portal.nginx.url}{path}")
            wrong[path] = violations(page, axe)

    look("/login", f"/login?next={_NOWHERE}", "/static/none")
    signed_in(portal, page, "alice")
    previews = [
        f"/files/{named(portal, name).pk}/preview" for name in ("Harbour", "Clock", "C++ notes", "Empty")
    ]
    begun = f"/files/{named(portal, 'Page.html').pk}/begun"
    look(
        "/",
        "/?folder=none",
        "/?q=report",
        "/?q=zzz",
        "/?sort=size",
        "/?selected=none",
        "/downloads",
        *previews,
        begun,
        _NOWHERE,
    )
    page.context.clear_cookies()
    signed_in(portal, page, "carol")
    look("/?carol", "/downloads?carol")
    page.context.clear_cookies()
    signed_in(portal, page, "admin")
    look("/statistics", "/statistics?days=90", "/admin/nothing")
    assert {path: found for path, found in wrong.items() if found} == {}


def test_axe_finds_a_violation(page: Page, axe: str) -> None:
    page.set_content("<title>page</title><main><h1>page</h1><img src='x'></main>")
    assert [rule for rule, _ in violations(page, axe)] == ["html-has-lang", "image-alt"]
