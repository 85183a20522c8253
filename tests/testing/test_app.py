"""gunicorn as xaccel_testing runs it: ready when the application is loaded, nothing left."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.testing.application import APP, LIFESPAN
from tests.testing.asking import get, gone
from xaccel_testing import ServerFailed, app_server
from xaccel_testing.servers.processes import wait_until


@pytest.mark.parametrize(
    ("kind", "name", "threads"),
    [("wsgi", "application", 4), ("asgi", "asgi", 1)],
)
def test_serves_and_leaves_nothing(tmp_path: Path, kind: str, name: str, threads: int) -> None:
    (tmp_path / "stack_app.py").write_text(APP)
    with app_server(
        tmp_path / "app",
        f"stack_app:{name}",
        env={"WORD": "yes"},
        cwd=tmp_path,
        kind=kind,
        threads=threads,
    ) as app:
        assert get(f"http://{app.address}/") == b"yes"
        pids = app.pids
        assert len(pids) == 3
    assert gone(pids)
    assert "Traceback" not in app.log


def test_broken_application_is_an_error_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text("1 / 0")
    with (
        pytest.raises(ServerFailed, match="ZeroDivisionError"),
        app_server(tmp_path / "app", "stack_app:application", cwd=tmp_path),
    ):
        pass


def test_asgi_is_ready_when_the_lifespan_startup_has_ended(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(LIFESPAN)
    with app_server(
        tmp_path / "app", "stack_app:asgi", cwd=tmp_path, env={"WORD": "complete"}, kind="asgi", workers=1
    ):
        assert (tmp_path / "startup-ended").exists()


def test_failed_lifespan_startup_is_an_error_with_its_message(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(LIFESPAN)
    with (
        pytest.raises(ServerFailed, match=r"(?s)ended instead of starting.*no database"),
        app_server(
            tmp_path / "app", "stack_app:asgi", cwd=tmp_path, env={"WORD": "failed"}, kind="asgi", workers=1
        ),
    ):
        pass


def test_killing_every_process_refuses_connections(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(APP)
    with app_server(tmp_path / "app", "stack_app:application", cwd=tmp_path, env={"WORD": ""}) as app:
        for pid in app.pids:
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not app.pids, timeout_s=60)
        host, port = app.address.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
