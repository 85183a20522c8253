"""Does a grant that is taken back refuse the very next request?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene


def ask(scene: Scene) -> Iterator[Answer]:
    alice, file = scene.browser("alice"), scene.file("Two  words  and more.txt")
    etag = alice.get(file.path).header("ETag")
    problems = []
    _manage(scene, "revoke", "alice", file.pk)
    try:
        for headers in ({}, {"Range": "bytes=10-"}, {"If-None-Match": etag}):
            answer = alice.get(file.path, headers)
            if answer.status != 404 or answer.is_file:
                problems.append(f"after the grant was taken back: {answer}")
        if file.path in alice.links_to_files():
            problems.append("the file is still listed")
    finally:
        _manage(scene, "grant", "alice", file.pk)
    again = alice.get(file.path)
    if again.sha256 != file.sha256:
        problems.append(f"after it was granted again: {again}")
    yield verdict(
        "revoked", problems, "404 at once, for a whole, a resumed and a known file; granted again: 200"
    )


def _manage(scene: Scene, *arguments: str) -> None:
    subprocess.run([*scene.stack.manage, *arguments], check=True, capture_output=True, cwd="/")
