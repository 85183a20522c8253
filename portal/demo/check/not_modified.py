"""Does a browser that has the file already get a 304, and only if the user may still have it?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene


def ask(scene: Scene) -> Iterator[Answer]:
    alice, file = scene.browser("alice"), scene.file("Annual report 2026.pdf")
    etag = alice.get(file.path).header("ETag")
    known = alice.get(file.path, {"If-None-Match": etag})
    other = alice.get(file.path, {"If-None-Match": '"another"'})
    problems = [] if etag.strip('"') == file.sha256 else [f"ETag is {etag!r}"]
    if known.status != 304 or known.size or known.header("ETag") != etag:
        problems.append(f"{known}, ETag {known.header('ETag')!r}")
    if other.status != 200 or other.sha256 != file.sha256:
        problems.append(f"with another ETag, {other}")
    yield verdict("not-modified", problems, "304 for the version the browser has, else 200")
