"""A person seeks in a video in Chromium: what the browser fetched of it is in the rows, to the byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn

import pytest

from tests.audit.live_site import Site, servers, under_one_protocol, video  # noqa: F401
from tests.audit.urls import Held
from tests.browser.conftest import ARGUMENTS
from tests.browser.player import player
from tests.live.front.front_door import SPOKEN
from xaccel.audit.values import Span, add_span
from xaccel_testing.servers.processes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Chromium chooses the requests, whatever the build; test_live has the rows of each request on every build
    pytest.mark.variants("deb-njs"),
]

RATE = 1024 * 1024
"""Bytes a second, so that the place that is sought is not there yet."""
SOUGHT_S = 100


def watch(program: str, address: str, protocol: str) -> float:
    """Open the video, jump, watch for a moment; returns the time that is shown."""
    from playwright.sync_api import sync_playwright

    arguments = [*ARGUMENTS, *(["--disable-http2"] if protocol == "h1" else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            page = chromium.new_context(ignore_https_errors=True).new_page()
            page.goto(address, wait_until="commit")
            assert wait_until(lambda: player(page, "it && it.readyState >= 1"), timeout_s=20)
            player(page, f"it.currentTime = {SOUGHT_S}")
            player(page, "void it.play()")
            assert wait_until(lambda: player(page, "it.currentTime") > SOUGHT_S + 0.3, timeout_s=20)
            assert player(page, "it.error") is None
            return float(player(page, "it.currentTime"))
        finally:
            chromium.close()


def leave_early(site: Site) -> None:
    """Ask for the video and leave while the app decides, as a browser may do when its user seeks."""
    Held.asked.clear()
    Held.let_go.clear()
    with site.begin("clock.webm", view="held", subject="") as transfer:
        assert Held.asked.wait(10)
        with suppress(OSError):
            transfer.abort()
        Held.let_go.set()


def test_a_video_that_is_sought_in(site: Site, unavailable: Callable[[str], NoReturn]) -> None:
    """The browser chooses how many ranges it requests, and may cancel a request before it gets a byte."""
    from xaccel.audit.models import Download, Transfer

    program = shutil.which("chromium")
    if program is None:
        unavailable("chromium is not installed: run scripts/system")
    size = len(video())
    leave_early(site)
    address = f"https://localhost:{site.port}/send?key=clock.webm&type=video/webm&subject=&rate={RATE}"
    with ThreadPoolExecutor(1) as pool:  # where Playwright runs, Django refuses its database
        shown = pool.submit(watch, program, address, site.protocol).result()
    assert shown > SOUGHT_S
    rows = site.rows(Transfer.objects.count())
    entries = {entry["id"]: entry for entry in site.nginx.lines()}
    given = []
    for row in rows:
        entry = entries[str(row.id)]
        assert (row.details["protocol"], row.details.get("asked_range", "")) == (
            SPOKEN[site.protocol],
            entry["range"],
        )
        if row.outcome == "refused":
            assert (row.status, row.why, row.sent) == (499, "client_left", 0)
            continue
        given.append(row)
        assert (row.total, row.details.get("exact", True), row.version) == (size, True, '"v1"')
        wanted = row.details.get("asked_range", "")
        asked = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        assert (row.status, row.first) == (206 if wanted else 200, asked)
        assert (str(row.status), row.sent) == (entry["status"], entry["body_bytes"])
        assert row.outcome == ("sent" if row.sent == row.details["sent_length"] else "incomplete")
    assert len(rows) > len(given) >= 2
    # the jump is a request of its own, behind what had come
    assert any(row.first > size // 2 and row.sent > 0 for row in given)
    [made] = Download.objects.all()
    union: tuple[Span, ...] = ()
    for row in given:
        union = add_span(union, row.first, row.first + row.sent)
    assert (made.transfers, made.total) == (len(given), size)
    assert [tuple(span) for span in made.spans] == list(union)
    assert made.sent_bytes == sum(end - first for first, end in union) < size
    assert made.given_bytes == sum(row.sent for row in given)
    assert made.sent_complete is False
