"""Drop files on the portal's list: NGINX sends them to the storage, and the list shows them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.axe import violations
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build

DROP = """names => {
    const data = new DataTransfer()
    for (const name of names) data.items.add(new File(["dropped: " + name], name))
    for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true})
        document.querySelector("main").dispatchEvent(event)
    }
}"""


def test_dropped_files_are_in_the_list_and_come_back(portal: Stack, alice: Page) -> None:
    names = ["Überblick.txt", "Plan <b>.txt"]
    alice.goto(f"{portal.nginx.url}/?folder=Spring")
    alice.evaluate(DROP, names)
    for name in names:
        alice.locator("#upload li", has_text=name).get_by_text("Stored").wait_for()
        with alice.expect_download() as begun:
            alice.get_by_role("link", name=f"Download {name}").click()
        assert Path(begun.value.path()).read_text() == f"dropped: {name}"
        alice.get_by_label(f"Select {name}", exact=True).wait_for()


def test_a_large_file_is_paused_and_goes_on(alice: Page, tmp_path: Path, axe: str) -> None:
    """The first part is held on its way to NGINX."""
    alice.route("**/upload/**", lambda route: route.continue_() if route.request.method != "PATCH" else None)
    (tmp_path / "Large.bin").write_bytes(bytes(9_000_000))
    alice.get_by_label("Add files").set_input_files(tmp_path / "Large.bin")
    item = alice.locator("#upload li")
    item.get_by_role("button", name="Pause Large.bin").press("Enter")
    item.get_by_text("Paused").wait_for()
    assert violations(alice, axe) == []
    alice.unroute("**/upload/**")
    item.get_by_role("button", name="Continue Large.bin").press("Enter")
    item.get_by_text("Stored").wait_for()
    alice.get_by_role("link", name="Download Large.bin").wait_for()


def cancel(page: Page, number: int) -> None:
    """Cancel an upload by keyboard: the Tab key goes from the field to the buttons of the files."""
    page.get_by_label("Add files").focus()
    for _ in range(number):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("look", [("light", 1440), ("dark", 390)], ids=["light", "dark-phone"])
def test_the_tray_is_accessible_and_operated_by_keyboard(
    portal: Stack, alice: Page, tmp_path: Path, axe: str, look: tuple[Literal["light", "dark"], int]
) -> None:
    """In each of its states; the upload under way is held by a storage that does not respond."""
    scheme, width = look
    alice.emulate_media(color_scheme=scheme)
    alice.set_viewport_size({"width": width, "height": 844})
    alice.goto(f"{portal.nginx.url}/?folder=Spring")
    long = "Minutes of the meeting about the harbour " * 3
    (tmp_path / f"{long}.txt").write_text("minutes")
    add, items = alice.get_by_label("Add files"), alice.locator("#upload li")
    portal.s3.server.signal(signal.SIGSTOP)
    try:
        add.set_input_files([tmp_path / f"{long}.txt"] * 3)
        items.first.get_by_text("100 %").wait_for()
        assert violations(alice, axe) == []
        cancel(alice, 3)
        items.nth(2).get_by_text("Canceled").wait_for()
        alice.context.clear_cookies(name="sessionid")
        cancel(alice, 1)
        items.nth(1).get_by_text("Sign in first.").wait_for()
    finally:
        portal.s3.server.signal(signal.SIGCONT)
    assert items.first.get_by_text("Canceled").is_visible()
    assert violations(alice, axe) == []
    assert alice.evaluate("document.documentElement.scrollWidth") <= width
    assert items.locator("button").count() == 0
