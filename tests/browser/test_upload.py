"""An administrator uploads a file by the form, and a user downloads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.people import signed_in
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build


def test_an_uploaded_file_arrives_as_it_was(portal: Stack, page: Page, tmp_path: Path) -> None:
    """It is larger than NGINX's usual bound of a request, 1 MB."""
    name, content = "Überblick 2026.txt", b"1.5 MB\n" * 220_000
    (tmp_path / name).write_bytes(content)
    signed_in(portal, page, "admin")
    page.goto(f"{portal.nginx.url}/admin/files/file/add/")
    page.get_by_label("File:").set_input_files(tmp_path / name)
    # the field of a user searches by name
    page.locator(".field-user .select2-selection").first.click()
    page.locator(".select2-search__field").fill("alice")
    page.get_by_role("option", name="alice").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    page.context.clear_cookies()

    signed_in(portal, page, "alice")
    with page.expect_download() as started:
        page.get_by_role("link", name=f"Download {name}").click()
    saved = started.value
    assert saved.suggested_filename == name
    assert Path(saved.path()).read_bytes() == content
