"""What does a user get when the storage fails?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene


def ask(scene: Scene) -> Iterator[Answer]:
    prober, problems = scene.browser("prober"), []
    kind = "text/html" if scene.stack.site.error_pages else "text/plain"
    for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-9"})):
        answer = prober.request(method, scene.probe_path("missing"), headers)
        if answer.status != 404:
            problems.append(str(answer))
        for name in ("Content-Disposition", "ETag", "Content-Security-Policy"):
            if answer.header(name):
                problems.append(f"{answer}, {name}: {answer.header(name)!r}")
        if "NoSuchKey" in answer.text or not answer.header("Content-Type").startswith(kind):
            problems.append(f"{answer}, {answer.header('Content-Type')}: {answer.text[:60]!r}")
        if answer.header("Cache-Control") != "no-store":
            problems.append(f"{answer}, Cache-Control {answer.header('Cache-Control')!r}")
    yield verdict(
        "error-pages", problems, "an object that is gone: 404, without file name or text of the storage"
    )
