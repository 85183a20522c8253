"""Does the record of a download change from granted to sent, and tell the truth about a part?"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Browser
from portal.demo.check.scene import Scene
from xaccel.servers.processes import wait_until

_WAIT_S = 30
_BLOCK = 256 * 1024
_PART = 16 * 1024 * 1024
"""Bytes: more than what the kernel takes of a response that nobody reads."""


def ask(scene: Scene) -> Iterator[Answer]:
    alice, carol, problems = scene.browser("alice"), scene.browser("carol"), []
    file = scene.file("C++ notes.txt")
    started, shown, unfinished = datetime.now(UTC), _downloads_shown(scene), _in_progress(alice)
    found: list[dict[str, Any]] = []

    def outcomes() -> list[str]:
        found[:] = [row for row in _rows(scene) if datetime.fromisoformat(row["decided_at"]) >= started]
        return sorted(row["outcome"] for row in found)

    large = max(scene.stack.files, key=lambda file: file.size)
    part = min(large.size, _PART)
    with alice.opened("GET", large.path, {"Range": f"bytes=0-{part - 1}"}) as answer:
        answer.read(1)
        if (under_way := outcomes()) != ["granted"]:
            problems.append(f"under way the rows say {under_way}")
        if not _in_progress(alice):
            problems.append("alice's list does not say that it is in progress")
        while answer.read(_BLOCK):
            pass
    alice.get(file.path)
    alice.get(file.path, {"Range": "bytes=0-9"})
    carol.get(file.path)
    expected = ["denied", "sent", "sent", "sent"]
    # a row appears in the request: where it did not, no time brings the others
    wait_s = 0 if problems else _WAIT_S
    # a page takes milliseconds, an export a second
    wait_until(lambda: _in_progress(alice) <= unfinished, timeout_s=wait_s, every_s=0.1)
    if not wait_until(lambda: outcomes() == expected, timeout_s=wait_s, every_s=0.1):
        problems.append(f"the rows say {sorted(row['outcome'] for row in found)}")
    sent = sorted(row["sent"] for row in found if row["outcome"] == "sent")
    if sent != sorted([10, file.size, part]):
        problems.append(f"{sent} bytes were sent instead of 10, {file.size} and {part}")
    if any(row["subject"] != str(scene.stack.people["alice"]) for row in found if row["outcome"] == "sent"):
        problems.append("a row names somebody else")
    if "complete</span>" not in alice.get("/downloads").text:
        problems.append("alice's list does not say that it is complete")
    # the name itself is only among the most downloaded files, which others may lead
    if (now := _downloads_shown(scene)) <= shown:
        problems.append(f"the administrator's charts do not show it: {shown} downloads before, {now} after")
    yield verdict(
        "audit-trail", problems, "granted becomes sent, to the byte; a refusal is recorded too; charts"
    )


def _in_progress(browser: Browser) -> int:
    """Return how many of the user's newest downloads are in progress."""
    return browser.get("/downloads").text.count("in progress")


def _downloads_shown(scene: Scene) -> int:
    """Return how many downloads the page of charts counts; -1 when it lacks a chart."""
    page = scene.browser("admin").get("/statistics").text
    found = re.search(r'id="downloads".*?<strong>([\d,]+)</strong> download', page, re.DOTALL)
    return -1 if found is None or page.count('class="bars ') != 4 else int(found[1].replace(",", ""))


def _rows(scene: Scene) -> list[dict[str, Any]]:
    """Return the rows of downloads that the portal decided.

    A forged hand-off has no decision. Its row appears when its log entry is ingested, at any time after the request.
    """
    done = subprocess.run(
        [*scene.stack.manage, "xaccel", "export", "transfers", "--format", "jsonl"],
        capture_output=True,
        text=True,
        check=True,
    )
    # splitlines would also split at U+2028 and U+2029, which JSON strings may hold
    rows = [json.loads(line) for line in done.stdout.split("\n") if line]
    return [row for row in rows if row["decided_at"] is not None]
