"""Make the moving picture of the README: a download whose app is killed, in a real browser and a real terminal.

The outputs are those of the programs. Commands are shown without cookies and long addresses.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from portal.demo.place import PROJECT
from tests.browser.people import signed_in
from xaccel_testing import app_server
from xaccel_testing.servers.processes import alive, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from portal.demo.stack import SharedFile, Stack

SIZE = {"width": 900, "height": 420}
WINDOW = {"width": 700, "height": 530}
SCALE = 1.4
COLOURS = 96
SECONDS = (3, 2, 3, 3, 3, 6)
"""How long each scene is shown."""
RATE = 30_000_000
WIDTH = "46"
"""Columns of the terminal, for curl's progress bar."""
FRAME = """<!doctype html><style>
body {{ margin: 0; background: #1c2529; color: #eef3f5; font: 17px/1.3 "DejaVu Sans", sans-serif; }}
h1 {{ font: inherit; font-weight: 600; margin: 0; padding: 16px 20px; height: 22px; }}
main {{ display: grid; grid-template-columns: 444px 400px; gap: 16px; padding: 0 20px; }}
img, pre {{ height: 336px; box-sizing: border-box; border-radius: 8px; background: #fff; }}
img {{ width: 444px; object-fit: cover; object-position: top; }}
pre {{ margin: 0; padding: 14px; background: #0f1517; color: #d5dee2; font: 12.5px/1.5 "DejaVu Sans Mono", monospace; }}
pre {{ white-space: pre-wrap; overflow: hidden; overflow-wrap: anywhere; }}
b {{ color: #7cc7d4; font-weight: 600; }}
</style><h1>{caption}</h1><main><img src="data:image/png;base64,{window}"><pre>{terminal}</pre></main>"""


@dataclass(slots=True)
class Film:
    """The frames so far, and what the terminal shows."""

    browser: Browser
    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def command(self, text: str, output: str = "") -> None:
        self.lines += [f"$ <b>{escape(text)}</b>", *map(escape, output.splitlines())]

    def scene(self, caption: str) -> None:
        """Add a frame with the browser's page and the terminal as they are now."""
        window = b64encode(self.page.screenshot()).decode()
        sheet = self.browser.new_page(viewport=SIZE, device_scale_factor=SCALE)
        sheet.set_content(FRAME.format(caption=caption, window=window, terminal="\n".join(self.lines)))
        self.frames.append(Image.open(io.BytesIO(sheet.screenshot())).convert("RGB"))
        sheet.close()

    def save(self, file: Path) -> None:
        """Write an animated PNG with one palette for all frames."""
        strip = Image.new("RGB", (self.frames[0].width, sum(frame.height for frame in self.frames)))
        for number, frame in enumerate(self.frames):
            strip.paste(frame, (0, number * frame.height))
        palette = strip.quantize(COLOURS)
        first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames)
        durations = [1000 * seconds for seconds in SECONDS]
        first.save(file, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


def shoot(browser: Browser, stack: Stack, file: Path) -> None:
    context = browser.new_context(viewport=WINDOW, color_scheme="light", device_scale_factor=1)
    film = Film(browser, context.new_page())
    large = max(stack.files, key=lambda each: each.size)
    signed_in(stack, film.page, "alice")
    film.page.get_by_role("link", name=large.name, exact=True).scroll_into_view_if_needed()
    film.command("scripts/demo", f"\n  {stack.nginx.url}/\n ")
    film.scene("Alice opens her files. Your app decides who may have which.")
    download(film, stack, large)
    port = int(stack.app.address.rpartition(":")[2])
    with app_server(
        stack.folder / "again", "portal.wsgi:application", env=stack.settings, cwd=PROJECT, port=port
    ):
        trail(film, stack, large)
    context.close()
    film.save(file)
    print(file, f"{file.stat().st_size:,} bytes")


def download(film: Film, stack: Stack, large: SharedFile) -> None:
    """Download with curl, kill all processes of the app meanwhile, and require the whole file."""
    target = stack.folder / "archive.bin"
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in film.page.context.cookies())
    film.command(f"curl --cookie $ALICE -o archive.bin \\\n  {stack.nginx.url}/files/…/download")
    command = ["curl", "--progress-bar", "--limit-rate", str(RATE), "--cookie", cookies, "-o", str(target)]
    command.append(f"{stack.nginx.url}{large.path}")
    with subprocess.Popen(command, env={**os.environ, "COLUMNS": WIDTH}, stderr=subprocess.PIPE) as curl:
        film.lines.append(progress(curl, at_least=20))
        film.scene("NGINX fetches the file from S3 and sends it. Python carries no byte.")
        pids = stack.app.pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not any(map(alive, pids)), timeout_s=5)
        film.command("kill -9 $(pgrep gunicorn)")
        film.page.goto(stack.nginx.url)
        film.scene("Now kill the app, in the middle of the download.")
        film.lines.append(progress(curl, at_least=70))
        film.scene("The download does not notice: NGINX needs the app for the decision only.")
        film.lines[-1] = progress(curl, at_least=100)
    digest = sha256(target.read_bytes()).hexdigest()
    assert digest == large.sha256, "the file is not whole"
    film.command("sha256sum archive.bin", f"{digest}  archive.bin")
    film.scene("The file arrived whole, while the app was dead.")


def progress(curl: subprocess.Popen[bytes], *, at_least: int) -> str:
    """Return curl's own progress bar as soon as it shows that many percent."""
    assert curl.stderr is not None
    shown = b""
    while byte := curl.stderr.read(1):
        shown = b"" if byte == b"\r" else shown + byte
        if (found := re.search(rb"([\d.]+)%$", shown)) and float(found[1]) >= at_least:
            return shown.decode()
    raise AssertionError("curl ended early")


def trail(film: Film, stack: Stack, large: SharedFile) -> None:
    """Wait for the row of the audit trail, and show it in Django's admin and in the terminal."""
    command = ["xaccel", "export", "downloads", "--format", "jsonl"]

    def last_row() -> str:
        done = subprocess.run([*stack.manage, *command], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    def is_whole() -> bool:
        row = json.loads(last_row())
        return row["sent_complete"] is True and row["sent_bytes"] == large.size

    assert wait_until(is_whole, timeout_s=30, every_s=0.5), "the trail has no whole download"
    film.lines.clear()
    film.command(f"manage.py {' '.join(command)} | tail -1", last_row())
    film.page.context.clear_cookies()
    signed_in(stack, film.page, "admin")
    film.page.goto(f"{stack.nginx.url}/admin/xaccel_audit/download/")
    film.scene("The audit trail says who received which file, and how much of it.")
