"""`xaccel run`: NGINX, a real app server and `ingest` as one program, stopped and killed in each way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.live.client import ask, begun
from xaccel_testing import Variant, free_ports
from xaccel_testing.servers.processes import alive, wait_until

# it starts any NGINX in the same way
pytestmark = pytest.mark.variants("wheel")

SITE = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
[origins.media]
type = "local"
root = "{folder}/media"
"""
APP = """
from xaccel.wsgi import Downloads

files = Downloads("site.toml")

def application(environ, start_response):
    if environ["PATH_INFO"] == "/about":
        start_response("200 OK", [("Content-Length", "5")])
        return [b"about"]
    return files.send_file(environ, start_response, environ["PATH_INFO"][1:])
"""
SETTINGS = """
SECRET_KEY = "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["xaccel.django", "xaccel.audit"]
MIDDLEWARE = ["xaccel.django.HandOffMiddleware"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "{folder}/db.sqlite3"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
XACCEL = {{
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {{"media": {{"type": "local", "root": "{folder}/media"}}}},
    "TRANSFER_LOG": "/var/log/nginx/of-production.log",
}}
"""
URLS = """
from django.core.wsgi import get_wsgi_application
from django.urls import path

from xaccel.django import send_file

urlpatterns = [path("<name>", lambda request, name: send_file(request, name, subject="ann"))]
application = get_wsgi_application()
"""
LARGE = bytes(8_000_000)


@dataclass
class Running:
    """A started `xaccel run`. port: of NGINX. app: of the app server."""

    process: subprocess.Popen[bytes]
    port: int
    app: int
    output: Path

    def child(self, name: str) -> int:
        """The process id of NGINX's master or of the app server's first process."""
        children = psutil.Process(self.process.pid).children()
        [found] = [each.pid for each in children if name in " ".join(each.cmdline())]
        return found

    def pids(self) -> list[int]:
        return [each.pid for each in psutil.Process(self.process.pid).children(recursive=True)]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def run(
    folder: Path, variant: Variant, program: list[str], *options: str, app: str = "app"
) -> Iterator[Running]:
    port, app_port = free_ports(2)
    (folder / "media").mkdir(exist_ok=True)
    (folder / "media" / "a.txt").write_text("served")
    (folder / "media" / "large").write_bytes(LARGE)
    output = folder / "output.txt"
    address = ["--listen", f"127.0.0.1:{port}", "--app", f"127.0.0.1:{app_port}", "--nginx", variant.binary]
    user = ["--user", "root"] if os.geteuid() == 0 else []  # the workers read files of the test
    server = ["--", sys.executable, "-m", "gunicorn", f"{app}:application", "--workers", "2"]
    environ = {name: value for name, value in os.environ.items() if name != "PORT"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, *address, *user, *options, *server],
            cwd=folder,
            env={**environ, "PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "settings"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, port, app_port, output)
    finally:
        process.kill()
        process.wait(timeout=60)


@contextmanager
def wsgi_app(folder: Path, variant: Variant, *options: str) -> Iterator[Running]:
    (folder / "site.toml").write_text(SITE.format(folder=folder))
    (folder / "app.py").write_text(APP)
    with run(folder, variant, ["xaccel", "run", "site.toml"], *options) as running:
        assert wait_until(lambda: "NGINX listens on" in running.output.read_text(), timeout_s=60), (
            running.output.read_text()
        )
        yield running


def test_a_download_that_runs_is_finished_before_the_app_is_stopped(tmp_path: Path, variant: Variant) -> None:
    with wsgi_app(tmp_path, variant) as running:
        pids = running.pids()
        with begun(running.port, "/large", receive_buffer=4096) as client:
            assert client.recv(1) == b"H"
            running.process.send_signal(signal.SIGTERM)
            assert wait_until(lambda: not accepts(running.port), timeout_s=60)
            assert ask(running.app, "/about").body == b"about"
            response = b"".join(iter(lambda: client.recv(1 << 20), b""))
        assert response.partition(b"\r\n\r\n")[2] == LARGE
        assert running.process.wait(timeout=60) == 0
        assert wait_until(lambda: not any(map(alive, pids)), timeout_s=10)
    output = running.output.read_text().splitlines()
    assert any(line.startswith('nginx | {"v":1') and '"body_bytes":8000000' in line for line in output)
    assert any(line.startswith("app | ") for line in output)


def test_a_download_that_takes_too_long_is_cut(tmp_path: Path, variant: Variant) -> None:
    with wsgi_app(tmp_path, variant, "--drain", "0.3") as running:
        pids = running.pids()
        with begun(running.port, "/large", receive_buffer=4096) as client:
            assert client.recv(1) == b"H"
            assert running.end(signal.SIGTERM) == 0
        assert wait_until(lambda: not any(map(alive, pids)), timeout_s=10)
    assert "nginx is killed after 0.3 seconds" in running.output.read_text()


def test_sighup_replaces_the_workers_of_the_app_and_no_request_fails(
    tmp_path: Path, variant: Variant
) -> None:
    with wsgi_app(tmp_path, variant) as running:
        gunicorn = running.child("gunicorn")
        before = {each.pid for each in psutil.Process(gunicorn).children()}

        def is_replaced() -> bool:
            return not before & {each.pid for each in psutil.Process(gunicorn).children()}

        with ThreadPoolExecutor(2) as threads:
            replies = [threads.submit(ask, running.port, "/a.txt") for _ in range(50)]
            running.process.send_signal(signal.SIGHUP)
            replies += [threads.submit(ask, running.port, "/a.txt") for _ in range(150)]
            assert {(reply.result().status, reply.result().body) for reply in replies} == {(200, b"served")}
        assert wait_until(is_replaced, timeout_s=30)
        assert running.end(signal.SIGINT) == 0


@pytest.mark.parametrize(("name", "words"), [("nginx", "nginx"), ("gunicorn", "app")])
def test_all_end_when_one_program_dies(tmp_path: Path, variant: Variant, name: str, words: str) -> None:
    with wsgi_app(tmp_path, variant) as running:
        pids = running.pids()
        os.kill(running.child(name), signal.SIGKILL)
        assert running.process.wait(timeout=60) == 128 + signal.SIGKILL
        assert wait_until(lambda: not any(map(alive, pids)), timeout_s=10)
    assert f"{words} ended with signal 9: all programs are stopped" in running.output.read_text()


def test_an_app_that_ends_at_once_is_reported_with_its_status(tmp_path: Path, variant: Variant) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(folder=tmp_path))
    options = ["--listen", "127.0.0.1:1", "--app", "127.0.0.1:2", "--nginx", variant.binary]
    options += ["--user", "root"] if os.geteuid() == 0 else []
    # not gunicorn: with several workers that fail to boot, its own status is 3 or 1
    program = [sys.executable, "-c", "print('no such module'); raise SystemExit(3)"]
    command = [sys.executable, "-m", "xaccel", "run", "site.toml", *options, "--", *program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "app | no such module" in done.stdout
    assert "app ended with status 3: all programs are stopped" in done.stderr


def test_an_app_that_listens_elsewhere_is_reported(tmp_path: Path, variant: Variant) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(folder=tmp_path))
    options = ["--listen", "127.0.0.1:1", "--app", "127.0.0.1:2", "--nginx", variant.binary, "--start", "0.5"]
    options += ["--user", "root"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "xaccel", "run", "site.toml", *options, "--", "sleep", "60"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "app: it is not ready after 0.5 seconds" in done.stderr


def test_ingest_reads_the_log_to_its_end(tmp_path: Path, variant: Variant) -> None:
    (tmp_path / "settings.py").write_text(SETTINGS.format(folder=tmp_path))
    (tmp_path / "urls.py").write_text(URLS)
    django = [sys.executable, "-m", "django"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "settings"}
    subprocess.run([*django, "migrate", "-v", "0"], cwd=tmp_path, env=environ, check=True, timeout=60)
    program = ["django", "xaccel", "run"]
    with run(tmp_path, variant, program, "--folder", str(tmp_path / "run"), app="urls") as running:
        assert wait_until(lambda: "NGINX listens on" in running.output.read_text(), timeout_s=60)
        assert ask(running.port, "/a.txt").body == b"served"
        assert running.end(signal.SIGTERM) == 0
    count = "from xaccel.audit.models import Transfer as T; print(list(T.objects.values_list('subject', 'body_bytes')))"
    shell = [*django, "shell", "-v", "0", "-c", count]
    done = subprocess.run(
        shell, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[('ann', 6)]"


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
