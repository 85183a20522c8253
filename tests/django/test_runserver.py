"""`manage.py runserver` with DEBUG: who asks it without NGINX gets a page, and no hand-off."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

import pytest

from xaccel.django.conf import derived_secrets
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

SETTINGS = """
from tests.django.settings import *
DEBUG = True
ALLOWED_HOSTS = ["*"]
XACCEL = {**XACCEL, "DELIVERY": "nginx"}
"""


def asked(port: int, method: str = "GET", **headers: str) -> tuple[int, Message, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, "/key/?key=r.pdf", headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


@pytest.mark.django_db
def test_runserver_hands_off_to_nginx_alone(tmp_path: Path) -> None:
    (tmp_path / "run_settings.py").write_text(SETTINGS)
    root, port, log = Path(__file__).parents[2], free_port(), tmp_path / "log"
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "run_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)]),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"],
            cwd=root,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert wait_until(lambda: "Quit the server" in log.read_text(), timeout_s=60), log.read_text()
        token = nginx_token(derived_secrets("")[0])
        assert asked(port, **{TOKEN_HEADER: token})[1]["Xaccel-Auth"]
        for others in ({}, {TOKEN_HEADER: token[:-1]}, {TOKEN_HEADER: "é"}, {"X-Forwarded-For": "127.0.0.1"}):
            status, headers, body = asked(port, **others)
            assert (status, headers["Cache-Control"]) == (501, "no-store")
            assert b"run `xaccel serve`" in body
            assert not [name for name in headers if name.lower().startswith(("xaccel-", "x-accel-"))]
        assert asked(port, "HEAD")[::2] == (501, b"")
    finally:
        server.terminate()
        server.wait(timeout=60)
