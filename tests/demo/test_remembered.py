"""NGINX remembers that a user may see a file, until the user signs out or the file is taken back."""

from __future__ import annotations

import json
import re
import subprocess
import time
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from portal.demo.browser import Browser
from portal.demo.check import Check
from portal.demo.stack import SharedFile, Stack
from xaccel_testing.servers.processes import wait_until

RANGES, BYTES = 300, 777
VIDEO = "Clock (two minutes).webm"


def signed_in(stack: Stack, username: str) -> Browser:
    browser = Check(stack).browser(username)
    assert browser.sign_in(stack.identity.passwords[username]).status == 302
    return browser


def ranges(browser: Browser, file: SharedFile, count: int = 3, size: int = 1000) -> set[int]:
    """Request so many parts of a shown file, and return the statuses."""
    asked = [f"bytes={size * number}-{size * number + size - 1}" for number in range(count)]
    found = [browser.get(f"/open/{file.pk}", {"Range": part}) for part in asked]
    assert {part.size for part in found if part.status == 206} <= {size}
    return {part.status for part in found}


def uses(stack: Stack) -> int:
    """How often NGINX sent what it remembered."""
    return len(stack.nginx.lines(containing='"note":"grant:'))


def end_of(browser: Browser, file: SharedFile, said: str) -> set[int]:
    """The statuses after a revocation. said: what its program logged.

    On a busy machine NGINX may need more than the second that it has. Then the program logs it, and the end is later.
    """
    if "did not reach" in said:
        wait_until(lambda: 206 not in ranges(browser, file), timeout_s=120)
    return ranges(browser, file)


def test_the_trail_shows_300_ranges_joined_to_one_decision(stack: Stack) -> None:
    """To one for each 30 seconds that they take on a busy machine."""
    alice, video = signed_in(stack, "alice"), Check(stack).file(VIDEO)
    began = time.monotonic()
    assert ranges(alice, video, RANGES, BYTES) == {206}
    lasted_s = time.monotonic() - began
    rows: list[dict[str, Any]] = []

    def complete() -> bool:
        lines = Check(stack).manage("xaccel", "export", "transfers", "--format", "jsonl").split("\n")
        rows[:] = [json.loads(line) for line in lines if f'"{video.sample.key}"' in line]
        rows[:] = [row for row in rows if row["sent"] == BYTES]
        return len(rows) == RANGES

    assert wait_until(complete, timeout_s=120, every_s=1), len(rows)
    assert len({row["id"] for row in rows}) == RANGES
    decisions = {row["details"].get("grant", row["id"]) for row in rows}
    assert len(decisions) <= 1 + lasted_s // 30
    shown = re.search(r", in ([0-9]+) requests", alice.get("/downloads").text)
    assert shown is not None
    assert int(shown[1]) >= RANGES
    id_ = rows[7]["id"]
    alike = sum(row["id"][:24] == id_[:24] for row in rows)
    page = signed_in(stack, "admin").get(f"/admin/xaccel_audit/transfer/?q={id_}").text
    assert f"{alike} transfers" in page


def test_signing_out_ends_it_at_once(stack: Stack) -> None:
    """Also for a program that has the cookie of the session."""
    alice, video, before = signed_in(stack, "alice"), Check(stack).file(VIDEO), uses(stack)
    assert ranges(alice, video) == {206}
    assert wait_until(lambda: uses(stack) > before, timeout_s=60)
    other = deepcopy(alice)
    token = re.findall(r'csrfmiddlewaretoken" value="([^"]+)', alice.get("/").text)[0]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    form = urlencode({"csrfmiddlewaretoken": token}).encode()
    assert alice.request("POST", "/logout", kind, body=form).status == 302
    assert end_of(other, video, stack.app.server.log) == {302}


def test_a_file_that_is_taken_back_is_404_at_once_and_comes_back(stack: Stack) -> None:
    """A picture: NGINX remembers nothing of this file for some time, and the other tests look at the video."""
    alice, picture, before = signed_in(stack, "alice"), Check(stack).file("Harbour at dusk.jpg"), uses(stack)
    assert ranges(alice, picture) == {206}
    assert wait_until(lambda: uses(stack) > before, timeout_s=60)
    command = [*stack.manage, "revoke", "alice", picture.pk]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    try:
        assert end_of(alice, picture, done.stderr) == {404}
    finally:
        Check(stack).manage("grant", "alice", picture.pk)
    assert ranges(alice, picture) == {206}
