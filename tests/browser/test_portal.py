"""Use the portal in Chromium: sign in, click, and compare the files on the disk."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from browser_download_filename import suggested_filename

from portal.demo.sample_files import clock
from tests.browser.people import named, show
from tests.browser.player import player
from tests.conftest import on_one_build
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from portal.demo.stack import Stack

# test_open.py and test_names.py open and save files on two builds, tests/demo runs the portal on two
pytestmark = on_one_build


def save_into(page: Page, folder: Path) -> None:
    """Let Chromium save as it does for people: under its own name for the file, without asking."""
    about = page.context.new_cdp_session(page).send("Target.getTargetInfo")
    context = about["targetInfo"]["browserContextId"]
    assert page.context.browser is not None
    page.context.browser.new_browser_cdp_session().send(
        "Browser.setDownloadBehavior",
        {"behavior": "allow", "downloadPath": str(folder), "browserContextId": context},
    )


def test_each_download_is_saved_with_its_bytes_and_name(portal: Stack, alice: Page, tmp_path: Path) -> None:
    saved, expected = {}, {}
    shown = None
    for file in sorted(portal.files_of("alice"), key=lambda file: file.sample.folder):
        folder = tmp_path / file.pk
        if file.sample.folder != shown:
            show(portal, alice, file)
            shown = file.sample.folder
        save_into(alice, folder)
        alice.locator(f"#d-{file.pk}").click()
        saved[file.name] = the_file_in(folder)
        headers = alice.request.head(f"{portal.nginx.url}{file.path}").headers_array
        name = suggested_filename([(line["name"], line["value"]) for line in headers], platform="posix")
        expected[file.name] = (name, file.size, file.sha256)
    assert len(saved) > 12
    assert saved == expected
    for wanted in ("会議の議事録.txt", "تقرير المشروع.txt", "100% sure.txt", "50%20off.txt", "Track #7.txt"):
        assert saved[wanted][0] == wanted
    assert saved['The "final" version.txt'][0] == "The _final_ version.txt"
    assert saved["Empty.txt"][1] == 0


def the_file_in(folder: Path) -> tuple[str, int, str]:
    """Name, size and checksum of the one file there, once it is complete."""

    def complete() -> list[Path]:
        there = list(folder.iterdir()) if folder.is_dir() else []
        return (
            [] if any(file.suffix == ".crdownload" or file.name.startswith(".") for file in there) else there
        )

    assert wait_until(lambda: bool(complete()), timeout_s=60), f"nothing was saved in {folder}"
    [file] = complete()
    content = file.read_bytes()
    return file.name, len(content), sha256(content).hexdigest()


def test_an_image_opens(portal: Stack, alice: Page) -> None:
    file = named(portal, "Harbour")
    show(portal, alice, file)
    alice.locator(f"#o-{file.pk}").click()
    alice.wait_for_url("**/preview")
    assert wait_until(lambda: alice.evaluate("document.images[0].naturalWidth") == 1600, timeout_s=60)
    alice.get_by_role("link", name="Back to my files").click()
    alice.get_by_role("heading", name="My files").wait_for()


def test_a_video_plays_and_jumps(portal: Stack, alice: Page) -> None:
    alice.goto(f"{portal.nginx.url}/files/{named(portal, 'Clock').pk}/preview")
    assert wait_until(lambda: player(alice, "it && it.readyState >= 3"), timeout_s=60)
    player(alice, "it.currentTime = 90")
    player(alice, "void it.play()")
    assert wait_until(lambda: player(alice, "it.currentTime") > 90.2, timeout_s=60)
    player(alice, "it.currentTime = 31.2")
    assert wait_until(lambda: 31.4 < player(alice, "it.currentTime") < 90, timeout_s=60)
    assert player(alice, "it.duration") == clock.SECONDS
    assert player(alice, "it.videoWidth") == 480
    assert player(alice, "it.error") is None
    # NGINX remembers what Chromium requests
    assert portal.nginx.lines(1, containing='"note":"grant:')


def test_a_page_that_somebody_uploaded_is_not_opened_but_saved(
    portal: Stack, alice: Page, tmp_path: Path
) -> None:
    file = named(portal, "Page.html")
    show(portal, alice, file)
    assert alice.locator(f"#d-{file.pk}").count() == 1
    assert alice.locator(f"#o-{file.pk}").count() == 0
    save_into(alice, tmp_path / "saved")
    alice.evaluate("target => { location.href = target }", f"/open/{file.pk}")
    assert the_file_in(tmp_path / "saved") == ("Page.html", file.size, file.sha256)
