"""The image xaccel-nginx under load: connections that run out, a log that grows, a secret that changes."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.live.raw_server import raw_server, read_head
from tests.live.sidecar.sidecars import NAME, SIDECARS, Apps, Sidecar, running_apps, sidecar
from xaccel_testing import free_ports
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from xaccel_testing import S3Server


def begin(connection: socket.socket, ended: threading.Event) -> None:
    """Send the beginning of a file, and then a byte a second, so that NGINX goes on waiting for the rest."""
    if read_head(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(20_000))
        connection.settimeout(1)
        while not ended.is_set():
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                connection.sendall(b"x")


@pytest.fixture(scope="module")
def idle_apps(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apps]:
    """Run apps whose storage sends the beginning of each file, so that no download ends."""
    with (
        raw_server(begin) as address,
        running_apps(s3, tmp_path_factory.mktemp("apps"), endpoint=f"http://{address}") as found,
    ):
        yield found


class Reader:
    """A client of a sidecar, whose download has begun and does not end. status: 0 without a response."""

    def __init__(self, found: Sidecar) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(60)
        self.status = 0
        with suppress(OSError):
            self._socket.connect((found.address, found.port))
            self._socket.sendall(f"GET /files/film.bin HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
            self.status = int(self._socket.recv(12).partition(b" ")[2] or 0)

    def close(self) -> None:
        self._socket.close()


def test_hundreds_of_idle_readers_keep_nobody_out(idle_apps: Apps, tmp_path: Path) -> None:
    env = {"XACCEL_WORKERS": "1"}
    with idle_apps.sidecar(0, tmp_path / "sidecar", free_ports(2), **env) as found, ExitStack() as stack:
        # with two connections each: more than a worker has by NGINX's default
        count = 300
        readers = [stack.enter_context(closing(Reader(found))) for _ in range(count)]
        assert Counter(each.status for each in readers) == {200: count}
        assert found.is_ready()
        url = f"http://{found.address}:{found.port}"
        others = [httpx2.get(f"{url}/seen", headers={"Host": NAME}, timeout=60) for _ in range(20)]
        assert Counter(each.status_code for each in others) == {200: 20}


def test_a_sidecar_is_not_ready_before_its_connections_run_out(idle_apps: Apps, tmp_path: Path) -> None:
    """Each reader has two connections: its own, and one to the storage."""
    env = {"XACCEL_WORKERS": "2", "XACCEL_WORKER_CONNECTIONS": "200"}
    with idle_apps.sidecar(0, tmp_path / "sidecar", free_ports(2), **env) as found:
        with ExitStack() as stack:
            for number in range(1, 201):
                assert stack.enter_context(closing(Reader(found))).status == 200
                # no worker is full before; four readers have fewer connections than it then has left
                if number > 80 and number % 4 == 0 and not found.is_ready():
                    break
            else:
                pytest.fail("ready, with as many readers as connections")
        assert wait_until(found.is_ready, timeout_s=60, every_s=0.5)


def test_a_sidecar_is_not_ready_before_its_memory_runs_out(apps: Apps, tmp_path: Path) -> None:
    """Otherwise the kernel kills NGINX's workers, with all downloads, before readiness keeps new ones away."""

    def write(names: str, allowed: str, used: int, cached: int) -> None:
        limit, usage, active, inactive = names.split()
        cgroup.joinpath(limit).parent.mkdir(parents=True, exist_ok=True)
        cgroup.joinpath(limit).write_text(f"{allowed}\n")
        cgroup.joinpath(usage).write_text(f"{used}\n")
        stat = f"{active} {cached}\n{inactive} 0\nrss 1\n"
        cgroup.joinpath(limit).with_name("memory.stat").write_text(stat)

    with apps.sidecar(0, tmp_path / "sidecar", free_ports(2)) as found:
        cgroup = found.folder / "cgroup"
        for names in (
            "memory.max memory.current active_file inactive_file",
            "memory/memory.limit_in_bytes memory/memory.usage_in_bytes total_active_file total_inactive_file",
        ):
            write(names, str(512 << 20), used=470 << 20, cached=0)
            assert "uses 470 of its 512 MB of memory" in found.why_not_ready()
            # the kernel frees the cache of files before it kills
            write(names, str(512 << 20), used=511 << 20, cached=100 << 20)
            assert found.is_ready()
            write(names, "max", used=470 << 20, cached=0)
            assert found.is_ready()
            write(names, "9223372036854771712", used=470 << 20, cached=0)
            assert found.is_ready()


def test_a_sidecar_waits_for_a_storage_whose_name_resolves_late(s3: S3Server, tmp_path: Path) -> None:
    """As in a compose file, where no service waits for another: the first download then works."""
    hosts, port = tmp_path / "hosts", s3.endpoint.rpartition(":")[2]
    hosts.write_text("127.0.0.1 localhost\n")
    endpoint = f"http://storage.test:{port}"
    with (
        running_apps(s3, tmp_path, endpoint=endpoint) as late,
        late.sidecar(0, tmp_path / "sidecar", free_ports(2), hosts=hosts) as found,
    ):
        assert f"DNS has no address yet of storage.test:{port}" in found.why_not_ready()
        pid = found.folder / "run" / "nginx.pid"
        # a storage that has no name for long keeps the others of the site no longer from their users
        started = pid.stat().st_mtime
        os.utime(pid, (started - 1000, started - 1000))
        assert found.is_ready()
        os.utime(pid, (started, started))
        hosts.write_text("127.0.0.1 localhost storage.test\n")
        # twice: for a moment after a reload, old workers may accept connections too
        assert wait_until(lambda: found.is_ready() and found.is_ready(), timeout_s=60), found.log
        url = f"http://{found.address}:{found.port}/files/film.bin"
        assert httpx2.get(url, headers={"Host": NAME}, timeout=60).content == late.film


def test_fewer_open_files_than_connections_need_are_reported(apps: Apps, tmp_path: Path) -> None:
    env = {"XACCEL_WORKERS": "1", "XACCEL_WORKER_CONNECTIONS": str(2**30)}
    with apps.sidecar(0, tmp_path / "sidecar", free_ports(2), **env) as found:
        [number] = re.findall(r"each worker has (\d+) connections", found.log)
        written = (found.folder / "run" / "nginx.conf").read_text()
        assert f"worker_connections {number};" in written
        assert "worker_processes 1;" in written
        assert "setrlimit" not in found.log


def test_a_log_that_reaches_its_size_is_rotated_and_the_newest_entries_stay(
    apps: Apps, tmp_path: Path
) -> None:
    env, names = (
        {"XACCEL_LOG_MB": "1", "XACCEL_LOG_FILES": "2"},
        ["transfers.log.2", "transfers.log.1", "transfers.log"],
    )
    with (
        apps.sidecar(0, tmp_path / "sidecar", free_ports(2), **env) as found,
        httpx2.Client(
            base_url=f"http://{found.address}:{found.port}", headers={"Host": NAME}, timeout=60
        ) as client,
    ):

        def logged() -> list[int]:
            """Return the first byte that each download of an entry asked for, the oldest entry first."""
            paths = [found.folder / name for name in names]
            while True:
                # a rotation meanwhile renames the files: they are read again
                with suppress(FileNotFoundError):
                    files = [path for path in paths if path.exists()]
                    numbers = [path.stat().st_ino for path in files]
                    lines = "".join(path.read_text() for path in files).splitlines()
                    if numbers == [path.stat().st_ino for path in paths if path.exists()]:
                        return [int(re.split("[=-]", json.loads(line)["range"])[1]) for line in lines]

        asked = 0
        while asked < 1000 and (asked < 100 or logged()[:1] == [0]):
            assert (
                client.get("/files/film.bin", headers={"Range": f"bytes={asked}-{asked}"}).status_code == 206
            )
            asked += 1
        # the last rotation may be under way: NGINX makes the new file when it hears of the renamed one
        expected = lambda: [*range(logged()[0], asked)]  # noqa: E731
        listed = lambda: sorted(path.name for path in found.folder.glob("transfers.log*"))  # noqa: E731
        assert wait_until(
            lambda: logged() == expected() and listed() == sorted(names), timeout_s=60, every_s=0.2
        )
        assert logged()[0] > 0


def test_a_changed_secret_is_read_at_the_interval_too(apps: Apps, tmp_path: Path) -> None:
    """As in Kubernetes, where nobody runs a command in the container."""
    secret = tmp_path / "secret"
    secret.write_text(secrets.token_hex(24))
    site = apps.site.replace('secret_env = "XACCEL_SECRET"', f'secret_file = "{secret}"')
    (tmp_path / "site.toml").write_text(site.replace("FOLDER", str(tmp_path)))
    env = {**apps.env, "XACCEL_REFRESH_S": "1"}
    with sidecar(tmp_path, "127.0.0.1:1", address=SIDECARS[0], ports=free_ports(2), env=env) as found:
        secret.write_text(secrets.token_hex(24))
        assert wait_until(found.is_ready, timeout_s=60, every_s=0.5), found.log
