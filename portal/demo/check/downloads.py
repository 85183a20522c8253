"""Does every sample arrive whole, under its name, with the headers that keep it private?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.bucket import readable
from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Exchange
from portal.demo.check.file_name import file_name
from portal.demo.check.scene import Scene
from portal.demo.stack import SharedFile


def ask(scene: Scene) -> Iterator[Answer]:
    found = [(file, scene.browser("alice").get(file.path)) for file in scene.stack.files_of("alice")] + [
        (file, scene.browser("bob").get(file.path)) for file in scene.stack.files_of("bob")
    ]
    total = sum(answer.size for _, answer in found)
    yield verdict("bytes", [*_bytes(found)], f"{len(found)} downloads, {readable(total)}, each SHA-256 right")
    yield verdict("file-name", [*_names(found)], "one Content-Disposition each, and it gives the right name")
    yield verdict("content-type", [*_types(found)], "one Content-Type each, the portal's")
    yield verdict(
        "cache-control", [*_header(found, "Cache-Control", "private, no-cache")], "private, no-cache on each"
    )
    yield verdict("nosniff", [*_header(found, "X-Content-Type-Options", "nosniff")], "nosniff on each")
    yield verdict("content-security", [*_policies(found)], "one policy each; pages and drawings in a sandbox")
    opened = [
        (file, scene.browser("alice").get(file.path.replace("/download", "/open"))) for file, _ in found[:3]
    ]
    problems = [
        f"{file.name!r}: {answer.header('Content-Disposition')!r}"
        for file, answer in opened
        if not answer.header("Content-Disposition").startswith("inline;") or answer.sha256 != file.sha256
    ]
    yield verdict("opens", problems, "PDF, picture and video are shown in the browser, not saved")


Found = list[tuple[SharedFile, Exchange]]


def _bytes(found: Found) -> Iterator[str]:
    for file, answer in found:
        if answer.status != 200:
            yield f"{file.name!r}: status {answer.status}"
        elif answer.size != file.size:
            yield f"{file.name!r}: {answer.size} of {file.size} bytes"
        elif answer.sha256 != file.sha256:
            yield f"{file.name!r}: other bytes"
        elif answer.every("Content-Length") != [str(file.size)]:
            yield f"{file.name!r}: Content-Length {answer.header('Content-Length')!r}"


def _names(found: Found) -> Iterator[str]:
    for file, answer in found:
        lines = answer.every("Content-Disposition")
        if len(lines) != 1:
            yield f"{file.name!r}: {len(lines)} Content-Disposition lines"
        elif not lines[0].startswith("attachment;") or file_name(lines[0]) != file.name:
            yield f"{file.name!r}: {lines[0]!r}"


def _types(found: Found) -> Iterator[str]:
    for file, answer in found:
        if answer.every("Content-Type") != [file.sample.content_type]:
            yield f"{file.name!r}: {answer.every('Content-Type')}"


def _header(found: Found, name: str, wanted: str) -> Iterator[str]:
    for file, answer in found:
        if answer.every(name) != [wanted]:
            yield f"{file.name!r}: {name} {answer.every(name)}"


def _policies(found: Found) -> Iterator[str]:
    for file, answer in found:
        lines = answer.every("Content-Security-Policy")
        sandboxed = bool(lines) and "sandbox" in lines[0] and "script-src" not in lines[0]
        needs = file.sample.content_type.partition(";")[0] in ("image/svg+xml", "text/html", "text/plain")
        if len(lines) != 1 or "default-src 'none'" not in lines[0] or (needs and not sandboxed):
            yield f"{file.name!r}: Content-Security-Policy {lines}"
