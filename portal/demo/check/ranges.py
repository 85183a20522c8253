"""Can a download be resumed, and a video be sought in?"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene


def ask(scene: Scene) -> Iterator[Answer]:
    alice, file = scene.browser("alice"), scene.file("Harbour at dusk.jpg")
    whole = alice.get(file.path, keep=True)
    etag, middle = whole.header("ETag"), file.size // 3
    problems = []

    first = alice.get(file.path, {"Range": f"bytes=0-{middle - 1}"}, keep=True)
    second = alice.get(file.path, {"Range": f"bytes={middle}-", "If-Range": etag}, keep=True)
    for answer, start, end in ((first, 0, middle - 1), (second, middle, file.size - 1)):
        wanted = f"bytes {start}-{end}/{file.size}"
        if answer.status != 206 or answer.header("Content-Range") != wanted or answer.size != end - start + 1:
            problems.append(
                f"{answer}, Content-Range {answer.header('Content-Range')!r}, {answer.size} bytes"
            )
    if sha256(first.body + second.body).hexdigest() != file.sha256:
        problems.append("the two parts do not make the file")
    yield verdict("resume", problems, "two parts by Range and If-Range make the file")

    stale = alice.get(file.path, {"Range": f"bytes={middle}-", "If-Range": '"another"'})
    fine = stale.status == 200 and stale.sha256 == file.sha256
    yield Answer("if-range", fine, "another version: 200, the whole file" if fine else str(stale))

    suffix = alice.get(file.path, {"Range": "bytes=-100"}, keep=True)
    fine = suffix.status == 206 and suffix.body == whole.body[-100:]
    yield Answer(
        "suffix-range", fine, "206, the last 100 bytes" if fine else f"{suffix}, {suffix.size} bytes"
    )

    beyond = alice.get(file.path, {"Range": f"bytes={file.size}-"})
    fine = beyond.status == 416 and beyond.header("Content-Range") == f"bytes */{file.size}"
    fine = fine and not beyond.header("Content-Disposition")
    yield Answer("range-beyond-end", fine, "416 with the size" if fine else f"{beyond} {beyond.headers}")

    video = scene.file("Clock (two minutes).webm")
    path = video.path.replace("/download", "/open")
    place = video.size // 2
    sought = alice.get(path, {"Range": f"bytes={place}-{place + 65535}"})
    fine = sought.status == 206 and sought.size == 65536 and sought.header("Content-Type") == "video/webm"
    yield Answer("seek", fine, "206 from the middle of the video" if fine else str(sought))
