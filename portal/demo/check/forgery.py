"""Is a hand-off refused that another backend of the same NGINX makes?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene
from portal.demo.probes import ECHO_LINE, ROGUE_PATHS


def ask(scene: Scene) -> Iterator[Answer]:
    problems = []
    for path in ROGUE_PATHS:
        for method in ("GET", "HEAD"):
            answer = scene.browser("alice").request(method, path)
            if answer.status != 404 or ECHO_LINE in answer.text:
                problems.append(str(answer))
    yield verdict("forged-hand-off", problems, "404 without the site's secret, and with a wrong one")
