"""A page that sends files with upload.js, as locations of NGINX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xaccel.tools.nginx.emit import Directive, Raw, block, directive

CLIENT = Path(__file__).parents[2] / "src/xaccel/django/uploads/static/xaccel/upload.js"
PAGE = """<!doctype html><title>page</title><script type="module" src="/page.js"></script>"""
SCRIPT = """
import { Upload } from "/upload.js";
window.begin = async (path, size, headers, pauseAt) => {
  window.seen = [];
  window.result = undefined;
  if (path.includes("no-worker")) delete window.Worker;
  const token = await (await fetch("/files/token")).text();
  const bytes = new Uint8Array(size).map((_, at) => at % 251);
  const file = new File([bytes], "a.png", { type: "image/png", lastModified: 1 });
  const upload = window.upload = new Upload(path, file, { headers: { "X-CSRFToken": token, ...headers } });
  upload.onprogress = () => {
    window.seen.push([upload.state, upload.sent]);
    if (pauseAt && upload.sent > pauseAt) pauseAt = upload.pause();
  };
  upload.done.then(
    async (response) => { window.result = [response.status, await response.text()]; },
    (error) => { window.result = [error.name, error.status ?? null, error.message]; });
};
document.title = `ready${location.search}`;
"""
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"
"""The strictest one: the worker is a script of the same host."""


def served(folder: Path) -> Iterator[Directive]:
    """Yield locations for the client and the page."""
    (folder / "page.html").write_text(PAGE)
    (folder / "page.js").write_text(SCRIPT)
    for path, file in (
        ("/upload.js", CLIENT),
        ("/page.js", folder / "page.js"),
        ("/page.html", folder / "page.html"),
    ):
        types = block("types", inside=[directive("text/javascript", "js"), directive("text/html", "html")])
        inside = [
            directive("alias", str(file)),
            types,
            directive("add_header", "Content-Security-Policy", POLICY),
        ]
        yield block("location", Raw("="), path, inside=inside)
