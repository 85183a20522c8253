"""Does the first page explain the demo, and do a file's preview and a watched video look as they should?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene
from portal.demo.samples import DIFFICULT
from xaccel.servers.processes import wait_until

_PARTS = 3
_WAIT_S = 30


def ask(scene: Scene) -> Iterator[Answer]:
    alice, problems = scene.browser("alice"), []
    page = alice.get("/").text
    if "what to try" not in page or page.count('class="folder"') != 1 or DIFFICULT not in page:
        problems.append("the box that explains the demo, or the folder, is not on the first page")
    months = set(re.findall(r'<time datetime="(\d{4}-\d\d)', page))
    if len(months) < 4:
        problems.append(f"the files are of {len(months)} months only")
    sizes = re.findall(r'class="number">([^<]+)<', alice.get("/?sort=-size").text)
    if not any("300" in size or "MB" in size for size in sizes[1:2]):
        problems.append(f"sorted by size, the first file has {sizes[1:2]}")
    history = alice.get("/downloads").text
    if "Page 1 of " not in history:
        problems.append("alice has no history of several pages")
    if scene.browser("admin").get("/login").header("Location") != "/statistics":
        problems.append("the administrator does not land on the statistics")
    yield verdict(
        "first-page", problems, f"the box, a folder, files of {len(months)} months, a history, sorting"
    )

    video, problems = scene.file("Clock (two minutes).webm"), []
    preview = alice.get(video.path.replace("/download", "/preview"))
    source = re.search(r'<video src="([^"]+)"', preview.text)
    if source is None or "Back to my files" not in preview.text:
        yield verdict("preview", [f"no player, or no way back: {preview}"], "")
        return
    for number in range(_PARTS):
        start = number * video.size // _PARTS
        alice.get(source[1], {"Range": f"bytes={start}-{start + 999}"})
    newest = ""

    def is_one_row() -> bool:
        nonlocal newest
        newest, _, second = alice.get("/downloads").text.partition("<tbody")[2].partition("</tr>")
        return " requests" in newest and "Opened" in newest and video.name not in second.partition("</tr>")[0]

    if not wait_until(is_one_row, timeout_s=_WAIT_S, every_s=0.1):
        problems.append("a video that was watched in parts is several rows")
    if alice.get(source[1]).header("X-Frame-Options") != "SAMEORIGIN":
        problems.append("no page can show the file")
    yield verdict("preview", problems, "a player with a way back; a video watched in parts is one row")
