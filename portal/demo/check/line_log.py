"""Is there one JSON line for each transfer, and does it tell the truth?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Exchange
from portal.demo.check.scene import Scene
from xaccel.servers.processes import wait_until

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_WAIT_S = 3


def ask(scene: Scene) -> Iterator[Answer]:
    nginx, alice = scene.stack.nginx, scene.browser("alice")
    scene.browser("prober")
    settled = _settled(scene)
    if settled is None:
        yield verdict("line-log", ["no log entry for a download"], "")
        return
    file, empty = scene.file("会議の議事録.txt"), scene.file("Empty.txt")
    asked = [
        (alice.get(file.path), ""),
        (alice.request("HEAD", file.path), ""),
        (alice.get(file.path, {"Range": "bytes=10-29"}), ""),
        (alice.get(empty.path), ""),
        (scene.browser("prober").get(scene.probe_path("missing")), "origin_404"),
    ]
    alice.get("/downloads")
    scene.browser("carol").get(file.path)
    try:
        lines = nginx.lines(settled + len(asked), timeout_s=_WAIT_S)[settled:]
    except TimeoutError:
        lines = nginx.lines()[settled:]
    problems = [] if len(lines) == len(asked) else [f"{len(lines)} lines for {len(asked)} transfers"]
    # two workers write, so that the order of lines is not the order of requests
    remaining = list(lines)
    for exchange, why in asked:
        match = next((line for line in remaining if _fits(line, exchange, why, scene)), None)
        if match is None:
            problems.append(f"no line fits {exchange}, {exchange.size} bytes")
        else:
            remaining.remove(match)
    if len({line["id"] for line in lines}) != len(lines) or not all(
        _ID.fullmatch(line["id"]) for line in lines
    ):
        problems.append("an id is missing, or stands twice")
    yield verdict(
        "line-log", problems, f"{len(lines)} transfers, {len(lines)} lines; a page or a refusal has none"
    )


def _settled(scene: Scene) -> int | None:
    """Return the number of lines once those of earlier requests are written: after the line of one more request.

    Return None if the request has no log entry.
    """
    count, file = len(scene.stack.nginx.lines()), scene.file("C++ notes.txt")
    marker = "bytes=3-7"
    scene.browser("alice").get(file.path, {"Range": marker})
    found = wait_until(
        lambda: any(line["range"] == marker for line in scene.stack.nginx.lines()[count:]), timeout_s=_WAIT_S
    )
    return len(scene.stack.nginx.lines()) if found else None


def _fits(line: dict[str, Any], exchange: Exchange, why: str, scene: Scene) -> bool:
    return bool(
        line["method"] == exchange.method
        and line["status"] == str(exchange.status)
        and line["body_bytes"] == exchange.size
        and line["content_range"] == exchange.header("Content-Range")
        and line["subject"] == scene.stack.people[exchange.who]
        and line["origin"] == "documents"
        and line["completion"] == "OK"
        and line["why"] == why
    )
