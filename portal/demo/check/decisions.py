"""Is every decision recorded, where the user and the administrator see it?"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene


def ask(scene: Scene) -> Iterator[Answer]:
    alice, carol, problems = scene.browser("alice"), scene.browser("carol"), []
    for name in ('The "final" version.txt', "Track #7.txt"):
        alice.get(scene.file(name).path)
        newest = _rows(alice.get("/downloads").text)[:1]
        if not newest or name not in newest[0] or "Downloaded" not in newest[0]:
            problems.append(f"alice's download of {name!r} is not the newest in her list")
    before, ledger = _logged(scene, "carol"), scene.file("Ledger.csv")
    carol.get(ledger.path)
    rows, after = _rows(carol.get("/downloads").text), _logged(scene, "carol")
    if not rows or "Refused" not in rows[0] or ledger.name in rows[0]:
        problems.append("carol's refusal is not in her list, or shows the file's name")
    if after != before + 1:
        problems.append(f"the administrator sees {after - before} new rows instead of one")
    yield verdict(
        "decisions", problems, "downloads and a refusal, in the user's list and in the administration"
    )


def _logged(scene: Scene, username: str) -> int:
    page = scene.browser("admin").get(f"/admin/xaccel_audit/transfer/?q={scene.stack.people[username]}").text
    count = re.search(r"(\d+) transfers?\b", page)
    return int(count[1]) if count else 0


def _rows(page: str) -> list[str]:
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    return [html.unescape(row) for row in body.split("<tr")[1:]]
