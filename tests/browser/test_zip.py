"""Select files in the portal's list, and get them as one ZIP archive."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.people import named
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

pytestmark = on_one_build


def test_selected_files_arrive_as_one_zip(portal: Stack, alice: Page, tmp_path: Path) -> None:
    files = [file for file in portal.files_of("alice") if not file.sample.folder and file.size < 1_000_000][
        :3
    ]
    assert len(files) == 3
    for file in files:
        alice.get_by_label(f"Select {file.name}", exact=True).check()
    with alice.expect_download() as begun:
        alice.get_by_role("button", name="Download selected as ZIP").click()
    begun.value.save_as(tmp_path / "files.zip")
    assert begun.value.suggested_filename == "Files.zip"
    with zipfile.ZipFile(tmp_path / "files.zip") as archive:
        found = {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert found == {file.name: file.sha256 for file in files}


def test_the_keyboard_selects_and_nothing_selected_is_said(portal: Stack, alice: Page) -> None:
    alice.get_by_role("button", name="Download selected as ZIP").press("Enter")
    assert "Select at least one file" in alice.get_by_role("alert").inner_text()
    box = alice.get_by_label(f"Select {named(portal, 'Harbour').name}", exact=True)
    box.focus()
    alice.keyboard.press("Space")
    assert box.is_checked()
