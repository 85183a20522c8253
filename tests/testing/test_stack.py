"""The servers of xaccel.testing, each started for real: ready at once, all pids known, nothing left."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from xaccel.errors import NginxError
from xaccel.testing import (
    Answer,
    Request,
    S3Server,
    ServerFailed,
    ServerMissing,
    Variant,
    app_server,
    free_port,
    free_ports,
    nginx_server,
    origin_server,
    postgres_server,
    s3_server,
    variants,
)
from xaccel.testing.processes import alive, command_line, wait_until

pytestmark = pytest.mark.main

Unavailable = Callable[[str], NoReturn]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def config(variant: Variant, port: int, text: str, *, workers: int = 2) -> str:
    modules = "".join(f"load_module {module};\n" for module in variant.load_modules)
    return f"""{modules}daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr notice;
    {"user root;" if os.geteuid() == 0 else ""}
    events {{ worker_connections 64; }}
    http {{ client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/fcgi;
        scgi_temp_path tmp/scgi; uwsgi_temp_path tmp/uwsgi; access_log access.log;
        log_format line escape=json '{{"path":"$uri","status":$status}}'; access_log xaccel.log line;
        server {{ listen 127.0.0.1:{port};
            location / {{ return 200 "{text}"; }}
            location /slow {{ limit_rate 200k; root .; }} }} }}"""


def gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


def test_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50


class TestNginx:
    def test_serves_and_leaves_nothing(self, variant: Variant, tmp_path: Path) -> None:
        port = free_port()
        with nginx_server(
            tmp_path, config(variant, port, "one"), binary=variant.binary, ready_port=port
        ) as nginx:
            assert get(f"{nginx.url}/a") == b"one"
            assert nginx.lines(1) == [{"path": "/a", "status": 200}]
            assert "GET /a" in nginx.access_log
            pids = nginx.pids
            assert len(pids) == 3
            assert {pid for pid in pids if "worker process" in command_line(pid)} == set(pids) - {nginx.pid}
        assert gone(pids)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    def test_reload_returns_when_new_workers_serve(self, variant: Variant, tmp_path: Path) -> None:
        port = free_port()
        with nginx_server(
            tmp_path, config(variant, port, "0"), binary=variant.binary, ready_port=port
        ) as nginx:
            for number in range(1, 6):
                nginx.reload(config(variant, port, str(number)))
                answers = {get(nginx.url) for _ in range(10)}
                assert answers == {str(number).encode()}

    def test_refused_reload_says_why_and_changes_nothing(self, variant: Variant, tmp_path: Path) -> None:
        port = free_port()
        with nginx_server(
            tmp_path, config(variant, port, "ok"), binary=variant.binary, ready_port=port
        ) as nginx:
            with pytest.raises(NginxError, match='unknown directive "nonsense"'):
                nginx.reload("nonsense on;")
            nginx.reload(config(variant, port, "still"))
            assert get(nginx.url) == b"still"

    def test_transfer_survives_reload(self, variant: Variant, tmp_path: Path) -> None:
        port = free_port()
        (tmp_path / "slow").write_bytes(bytes(300_000))
        with nginx_server(
            tmp_path, config(variant, port, "0"), binary=variant.binary, ready_port=port
        ) as nginx:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/slow")
            answer = connection.getresponse()
            first = answer.read(1000)
            nginx.reload(config(variant, port, "1"))
            assert len(first + answer.read()) == 300_000
            connection.close()

    def test_config_error_in_nginx_words(self, variant: Variant, tmp_path: Path) -> None:
        with (
            pytest.raises(NginxError, match=r"unknown directive \"nonsense\" in .*nginx.conf:1"),
            nginx_server(tmp_path, "nonsense on;", binary=variant.binary, ready_port=1),
        ):
            pass

    def test_taken_port_is_an_error(self, tmp_path: Path) -> None:
        variant = variants()["wheel"]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with (
                pytest.raises(NginxError, match=r"Address (already )?in use"),
                nginx_server(tmp_path, config(variant, port, ""), binary=variant.binary, ready_port=port),
            ):
                pass

    def test_nothing_left_when_the_master_was_killed(self, variant: Variant, tmp_path: Path) -> None:
        port = free_port()
        with nginx_server(
            tmp_path, config(variant, port, ""), binary=variant.binary, ready_port=port
        ) as nginx:
            pids = nginx.pids
            os.kill(nginx.pid, signal.SIGKILL)
            assert wait_until(lambda: not alive(nginx.pid), timeout_s=5)
            assert set(nginx.pids) == set(pids) - {nginx.pid}
        assert gone(pids)


APP = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["WORD"].encode()]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": os.environ["WORD"].encode()})
"""


class TestApp:
    @pytest.mark.parametrize(
        ("kind", "name", "threads"),
        [("wsgi", "application", 1), ("wsgi", "application", 4), ("asgi", "asgi", 1)],
    )
    def test_serves_and_leaves_nothing(self, tmp_path: Path, kind: str, name: str, threads: int) -> None:
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

    def test_unix_socket(self, tmp_path: Path) -> None:
        (tmp_path / "stack_app.py").write_text(APP)
        with (
            app_server(
                tmp_path / "app", "stack_app:application", env={"WORD": "yes"}, cwd=tmp_path, unix=True
            ) as app,
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(app.address.removeprefix("unix:"))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert answer.endswith(b"yes")

    def test_broken_application_is_an_error_with_its_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "stack_app.py").write_text("1 / 0")
        with (
            pytest.raises(ServerFailed, match="ZeroDivisionError"),
            app_server(tmp_path / "app", "stack_app:application", cwd=tmp_path),
        ):
            pass

    def test_killing_every_process_refuses_connections(self, tmp_path: Path) -> None:
        (tmp_path / "stack_app.py").write_text(APP)
        with app_server(tmp_path / "app", "stack_app:application", cwd=tmp_path, env={"WORD": ""}) as app:
            for pid in app.pids:
                os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not app.pids, timeout_s=5)
            host, port = app.address.split(":")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((host, int(port)))


def strays(ports: list[str]) -> list[Path]:
    """Sockets of SeaweedFS outside its directory."""
    return [path for path in Path("/tmp").glob("seaweedfs-*.sock") if path.stem.rpartition("-")[2] in ports]


class TestS3:
    def test_stores_and_verifies_signatures(self, s3: S3Server) -> None:
        s3.create_bucket("stack-test")
        s3.put("stack-test", "a b", b"bytes", "text/x-test", {"colour": "blue"})
        found = s3.client().get_object(Bucket="stack-test", Key="a b")
        assert (found["Body"].read(), found["ContentType"]) == (b"bytes", "text/x-test")
        assert found["Metadata"] == {"colour": "blue"}
        url = s3.client().generate_presigned_url("get_object", Params={"Bucket": "stack-test", "Key": "a b"})
        assert get(url) == b"bytes"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(url[:-1] + ("0" if url[-1] != "0" else "1"))

    def test_large_file_in_parts(self, s3: S3Server, tmp_path: Path) -> None:
        s3.create_bucket("stack-parts")
        content = os.urandom(17 * 1024 * 1024)
        (tmp_path / "large").write_bytes(content)
        s3.put("stack-parts", "large", tmp_path / "large", "application/x-large")
        found = s3.client().get_object(Bucket="stack-parts", Key="large")
        assert found["Body"].read() == content
        assert found["ContentType"] == "application/x-large"

    def test_leaves_nothing_and_keeps_its_directory(self, tmp_path: Path) -> None:
        with s3_server(tmp_path, stop_within_s=10) as first:
            first.create_bucket("kept")
            first.put("kept", "object", b"here")
            pids = first.pids
            ports = re.findall(r"grpc=([0-9]+)", command_line(first.server.pid))
            assert len(ports) == 5
            assert strays(ports)
        assert gone(pids)
        assert not strays(ports)
        with s3_server(tmp_path) as second:
            assert second.access_key == first.access_key
            assert second.client().get_object(Bucket="kept", Key="object")["Body"].read() == b"here"
            pids = second.pids
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert gone(pids)
        assert {path.name for path in tmp_path.iterdir()} >= {"data", "s3.json", "s3.log"}

    @pytest.mark.parametrize("index", [0, 6], ids=["master", "s3"])
    def test_port_taken_in_the_last_moment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as quicker:
            first = free_ports(10)
            first[index] = quicker.getsockname()[1]
            offers = [free_ports(10), first]
            monkeypatch.setattr("xaccel.testing.s3.free_ports", lambda count: offers.pop())
            with s3_server(tmp_path) as s3:
                s3.create_bucket("after-all")
        assert not offers


class TestPostgres:
    def test_answers_and_leaves_nothing(self, tmp_path: Path, unavailable: Unavailable) -> None:
        psycopg = pytest.importorskip("psycopg")
        try:
            with postgres_server(tmp_path) as postgres:
                with psycopg.connect(postgres.dsn) as connection:
                    assert connection.execute("select 6 * 7").fetchone() == (42,)
                home = Path(postgres.env["PGHOST"])
                pids = postgres.pids
                assert len(pids) > 3
        except ServerMissing as missing:
            unavailable(str(missing))
        assert gone(pids)
        assert home == tmp_path or not home.exists()


class TestOrigin:
    def test_records_the_raw_request(self) -> None:
        with origin_server(lambda request: Answer(body=request.target.encode())) as origin:
            connection = http.client.HTTPConnection(origin.address)
            for _ in range(2):
                connection.request("POST", "//a%2fb/../c?x=%20+", body=b"body", headers={"X-Odd": "1"})
                assert connection.getresponse().read() == b"//a%2fb/../c?x=%20+"
            connection.close()
        first, second = origin.requests
        assert (first.method, first.target, first.body) == ("POST", "//a%2fb/../c?x=%20+", b"body")
        assert first.header("x-odd") == "1"
        assert first.header("cookie") is None
        assert first.connection == second.connection

    def test_raw_answer_and_short_body(self) -> None:
        def answer(request: Request) -> Answer:
            if request.target == "/raw":
                return Answer(raw=b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nraw")
            return Answer(headers=[("Content-Length", "9")], body=b"short", close=True)

        with origin_server(answer) as origin:
            connection = http.client.HTTPConnection(origin.address)
            connection.request("GET", "/raw")
            found = connection.getresponse()
            assert (found.headers.get_all("X-A"), found.read()) == (["1", "2"], b"raw")
            connection.close()
            connection = http.client.HTTPConnection(origin.address)
            connection.request("GET", "/short")
            with pytest.raises(http.client.IncompleteRead):
                connection.getresponse().read()
            connection.close()

    def test_tls_is_verified_by_its_authority(self, tmp_path: Path) -> None:
        with origin_server(lambda request: Answer(body=b"safe"), tls_directory=tmp_path) as origin:
            context = ssl.create_default_context(cafile=str(origin.ca_file))
            with (
                socket.create_connection(("127.0.0.1", origin.port)) as plain,
                context.wrap_socket(plain, server_hostname="origin.test") as client,
            ):
                client.sendall(b"GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
                assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"safe")
            with socket.create_connection(("127.0.0.1", origin.port)) as plain, pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname="other.test")


INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from xaccel.testing import app_server, s3_server
with s3_server(Path(sys.argv[1]) / "s3") as s3:
    with app_server(Path(sys.argv[1]) / "app", "stack_app:application", cwd=Path(sys.argv[1])) as app:
        print(*s3.pids, *app.pids, flush=True)
        signal.pause()
"""


def test_interrupt_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(APP)
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pids = [int(word) for word in child.stdout.readline().split()]
        assert len(pids) == 4
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in error
    assert gone(pids)


def test_error_in_the_block_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "stack_app.py").write_text(APP)
    pids: list[int] = []

    def fail() -> None:
        with app_server(tmp_path / "app", "stack_app:application", cwd=tmp_path) as app:
            pids.extend(app.pids)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert len(pids) == 3
    assert gone(pids)
