"""Take the pictures of the documentation: portal, statistics, terminal, and the film of the README."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from docs.generated import film
from portal.demo.stack import Stack, running_stack
from tests.browser.conftest import chromium
from tests.browser.people import signed_in
from xaccel.tools.nginx import probe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(__file__).parents[1] / "pictures"
SIZE = {"width": 960, "height": 600}
COLOURS = 128
LARGE_BYTES = 300_000_000
SHOWN = "/etc/nginx/xaccel"

TERMINAL = """<!doctype html><style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; background: light-dark(#e7ebee, #101416); font: 15px/1.55 "DejaVu Sans Mono", monospace; }}
main {{ margin: 24px; border-radius: 10px; overflow: hidden; }}
main {{ background: light-dark(#fff, #1b2225); color: light-dark(#1c2529, #d5dee2); }}
header {{ height: 34px; background: light-dark(#d4dade, #2a3337); }}
pre {{ margin: 0; padding: 18px 22px 24px; font: inherit; white-space: pre-wrap; }}
b {{ color: light-dark(#1f6f7d, #63b7c4); font-weight: 600; }}
</style><main><header></header><pre>{}</pre></main>"""


RECIPE = """server {
    location ~ ^/remote/(.*?)/(.*?)/(.*) {
        internal;
        resolver 192.0.2.53;
        proxy_set_header Host $2;
        proxy_pass $1://$2/$3;
    }
}
"""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with chromium(sys.exit) as browser, tempfile.TemporaryDirectory(prefix="xs-") as folder:
        Path(folder).chmod(0o755)
        build = probe("nginx")
        with running_stack(Path(folder), "nginx", build, large_bytes=LARGE_BYTES) as stack:
            terminals = {"config": commands(stack, Path(folder)), "lint": lint(Path(folder))}
            for scheme in ("light", "dark"):
                photograph(browser, stack, terminals, scheme)
            film.shoot(browser, stack, PICTURES / "film.png")


def run(stack: Stack, *arguments: str) -> str:
    done = subprocess.run([*stack.manage, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout + done.stderr


def commands(stack: Stack, folder: Path) -> str:
    """Write the NGINX configuration and check it, and return what a terminal shows."""
    place = str(folder / "xaccel")
    written = run(stack, "xaccel", "config", "--write", place)
    checked = run(stack, "xaccel", "config", "--check", place)
    shown = (
        (f"python manage.py xaccel config --write {SHOWN}", written),
        (f"python manage.py xaccel config --check {SHOWN}", checked),
    )
    return "\n\n".join(shown_as(*each) for each in shown).replace(place, SHOWN)


def lint(folder: Path) -> str:
    """Check a configuration like the one that many copied, and return what a terminal shows."""
    (folder / "files.conf").write_text(RECIPE, encoding="utf-8")
    arguments = ["lint", "files.conf", "--only", "XA702", "--only", "XA703", "--only", "XA710"]
    command = [sys.executable, "-m", "xaccel", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return shown_as(" ".join(["xaccel", *arguments]), done.stdout + done.stderr)


def shown_as(command: str, output: str) -> str:
    return f"$ <b>{command}</b>\n{escape(output.strip())}"


def photograph(
    browser: Browser, stack: Stack, terminals: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5)
    page = context.new_page()
    signed_in(stack, page, "alice")
    save(page, "portal", scheme)
    context.clear_cookies()
    signed_in(stack, page, "admin")
    page.get_by_role("link", name="Statistics").click()
    save(page, "statistics", scheme)
    terminal(page, terminals, scheme)
    context.close()


def terminal(page: Page, terminals: dict[str, str], scheme: Literal["light", "dark"]) -> None:
    page.goto("about:blank")
    for name, lines in terminals.items():
        page.set_content(TERMINAL.format(lines))
        height = page.evaluate("document.documentElement.offsetHeight") + 24
        page.set_viewport_size({"width": SIZE["width"], "height": height})
        save(page, name, scheme)


def save(page: Page, name: str, scheme: str) -> None:
    """Save the visible page with few colours, so that the file is small."""
    image = (
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    )
    file = PICTURES / f"{name}-{scheme}.png"
    image.save(file, optimize=True)
    print(file.relative_to(PICTURES.parents[1]), f"{file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
