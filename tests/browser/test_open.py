"""Files opened by their own address, with the policy that the library gives them: shown, and quiet."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.browser.conftest import Shown
from tests.browser.opened_files import AUDIO_SECONDS, OPENED
from tests.browser.player import player
from tests.conftest import on_one_build
from xaccel.handoff.headers import SANDBOX
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = on_one_build

GREEN, WHITE = (0, 128, 0), (255, 255, 255)
LOOSE = "default-src * 'unsafe-inline'"
"""Stops nothing that the samples try."""


def colours(page: Page, *places: tuple[int, int]) -> list[object]:
    """Red, green and blue at each of `places`, in pixels from the top left: a viewer has no other interface."""
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return [shot.getpixel(place) for place in places]


def calls_home(shown: Shown) -> int:
    """How often a script has done so until now."""
    return shown.nginx.access_log.count("GET /page?called-home")


@pytest.mark.parametrize("kind", ["html", "svg"])
def test_a_script_in_a_file_does_not_run(shown: Shown, page: Page, kind: str) -> None:
    before = calls_home(shown)
    page.goto(shown.url(OPENED[kind].key))
    assert page.evaluate("document.title || document.querySelector('title').textContent") == "quiet"
    assert colours(page, (30, 150)) == [GREEN]
    assert calls_home(shown) == before


@pytest.mark.parametrize("kind", ["html", "svg"])
def test_the_same_script_runs_without_the_policy(shown: Shown, page: Page, kind: str) -> None:
    before = calls_home(shown)
    page.goto(shown.url(OPENED[kind].key, content_security_policy=LOOSE))
    assert page.evaluate("document.title") == "ran"
    assert wait_until(lambda: calls_home(shown) > before, timeout_s=60)


def test_a_form_in_a_file_goes_nowhere(shown: Shown, page: Page) -> None:
    page.goto(shown.url(OPENED["html"].key))
    with page.expect_console_message(lambda message: "form" in message.text and "sandbox" in message.text):
        page.click("button")
    assert page.url == shown.url(OPENED["html"].key)


def test_a_text_is_shown_as_text(shown: Shown, page: Page) -> None:
    page.goto(shown.url(OPENED["text"].key))
    assert page.evaluate("document.body.innerText").strip() == OPENED["text"].content().decode().strip()


@pytest.mark.parametrize("policy", [None, SANDBOX], ids=["own", "strictest"])
def test_a_pdf_is_shown_by_the_browser(shown: Shown, page: Page, policy: str | None) -> None:
    """The strictest policy does not stop Chromium, which takes every policy off a PDF: ours is for other browsers."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(shown.url(OPENED["pdf"].key, content_security_policy=policy))
    assert wait_until(lambda: page.evaluate("window.length || 1") and len(page.frames) > 1, timeout_s=60)
    count = page.frames[1].locator("#pagelength")
    count.wait_for()
    assert count.inner_text() == "4"
    assert wait_until(lambda: paper_on_a_desk(page), timeout_s=60)
    assert not [text for text in refused if "Content Security Policy" in text]


def paper_on_a_desk(page: Page) -> bool:
    """Tell whether the viewer has drawn: a white sheet, and something dark beside it."""
    paper, desk = colours(page, (600, 150), (10, 400))
    return paper == WHITE and max(desk) < 80


def test_audio_plays_and_jumps(shown: Shown, page: Page) -> None:
    key = OPENED["audio"].key
    page.goto(shown.url(key, limit_rate=400_000), wait_until="commit")
    assert wait_until(lambda: player(page, "it && it.readyState >= 3"), timeout_s=60)
    player(page, "void it.play()")
    assert wait_until(lambda: player(page, "it.currentTime") > 0.2, timeout_s=60)
    assert player(page, "it.duration") == pytest.approx(AUDIO_SECONDS, abs=0.1)

    player(page, "it.currentTime = 90")
    assert wait_until(lambda: player(page, "it.currentTime") > 90.2, timeout_s=60)
    page.close()
    assert wait_until(
        lambda: any(
            line["status"] == "206" and line["range"] not in {"", "bytes=0-"} for line in shown.nginx.lines()
        ),
        timeout_s=60,
    )


@pytest.mark.parametrize(
    "policy", [SANDBOX, "default-src 'none'", "default-src 'none'; media-src 'self'; sandbox"]
)
def test_audio_would_not_play_with_a_stricter_policy(shown: Shown, page: Page, policy: str) -> None:
    page.goto(shown.url(OPENED["audio"].key, content_security_policy=policy), wait_until="commit")
    # 3: NETWORK_NO_SOURCE
    assert wait_until(lambda: player(page, "it && it.networkState") == 3, timeout_s=60)
    assert player(page, "it.readyState") == 0
