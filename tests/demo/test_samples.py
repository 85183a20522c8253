"""The sample files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from portal.demo.sample_files import clock
from portal.demo.samples import LARGE_BYTES, samples
from xaccel.handoff.disposition import safe_name


def _digests() -> dict[str, str]:
    return {
        sample.name: hashlib.sha256(b"".join(sample.blocks())).hexdigest() for sample in samples(3_000_000)
    }


def test_every_run_makes_the_same_and_no_two_samples_are_alike() -> None:
    first = _digests()
    assert _digests() == first
    assert len(set(first.values())) == len(first)


def test_sample_names_have_the_characters_that_break_downloads() -> None:
    names = [sample.name for sample in samples()]
    together = "".join(names)
    assert all(character in together for character in ' "%#+')
    assert not together.isascii()
    assert all(safe_name(name) == name for name in names)
    assert LARGE_BYTES >= 300_000_000


def test_chromium_plays_the_video_and_jumps_in_it(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    program = shutil.which("chromium")
    if program is None:
        unavailable("chromium is not installed: run scripts/system")
    from playwright.sync_api import sync_playwright

    video = tmp_path / "clock.webm"
    video.write_bytes(b"".join(clock.blocks()))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--disable-gpu"])
        page = chromium.new_page()
        page.goto(video.as_uri())
        found = page.evaluate(
            """async () => {
                const video = document.querySelector("video"), places = []
                video.muted = true
                await video.play()
                for (const place of [75.5, 31.2]) {
                    video.currentTime = place
                    await new Promise(done => video.addEventListener("seeked", done, {once: true}))
                    places.push(Math.round(video.currentTime * 10) / 10 >= place)
                }
                return {duration: video.duration, width: video.videoWidth, places, error: video.error}
            }"""
        )
        chromium.close()
    assert found == {"duration": clock.SECONDS, "width": 480, "places": [True, True], "error": None}
