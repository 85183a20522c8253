"""`manage.py runserver` without NGINX: the empty answer is explained when the server starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from xaccel.servers.processes import wait_until
from xaccel.testing import free_port

SETTINGS = """
from tests.django.settings import *
DEBUG = True
ALLOWED_HOSTS = ["*"]
XACCEL = {**XACCEL, "DELIVERY": "nginx"}
LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"console": {"class": "logging.StreamHandler"}},
           "root": {"handlers": ["console"], "level": "WARNING"}}
"""


@pytest.mark.django_db
def test_the_empty_answer_is_explained_when_the_server_starts(tmp_path: Path) -> None:
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
        assert wait_until(lambda: "Quit the server" in log.read_text(), timeout_s=30), log.read_text()
        assert "xaccel.W007" in log.read_text()
        with urlopen(f"http://127.0.0.1:{port}/key/?key=r.pdf", timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b"")
    finally:
        server.terminate()
        server.wait(timeout=10)
