"""Does HEAD tell the same as GET, without the bytes?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Exchange
from portal.demo.check.scene import Scene

_DIFFERS = {"date", "connection", "set-cookie"}


def ask(scene: Scene) -> Iterator[Answer]:
    alice, problems = scene.browser("alice"), []
    files = scene.stack.files_of("alice")
    for file in files:
        head = alice.request("HEAD", file.path)
        if head.status != 200 or head.every("Content-Length") != [str(file.size)] or head.size:
            problems.append(f"{file.name!r}: {head}, Content-Length {head.header('Content-Length')!r}")
    small = scene.file("100% sure.txt")
    got, head = alice.get(small.path), alice.request("HEAD", small.path)
    if _comparable(got) != _comparable(head):
        problems.append(f"other headers than GET: {sorted(_comparable(got) ^ _comparable(head))}")
    yield verdict("head", problems, f"{len(files)} files: length right, no body, headers as for GET")


def _comparable(exchange: Exchange) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in exchange.headers if name.lower() not in _DIFFERS}
