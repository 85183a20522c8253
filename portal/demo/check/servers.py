"""Do all servers still run?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene
from portal.demo.ended import ended_servers


def ask(scene: Scene) -> Iterator[Answer]:
    problems = [
        f"{ended.name} ended ({ended.how}), its log is {ended.server.log_file}"
        for ended in ended_servers(scene.stack)
    ]
    yield verdict("servers-run", problems, "the S3 server, the portal, NGINX and the ingestion still run")
