"""deploy/images/nginx beside an app, behind deploy/fronts: Caddy and Envoy know no X-Accel."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx2
import pytest
import trustme

from tests.json_lines import entries
from tests.live.sidecar.sidecars import (
    NAME,
    SIDECARS,
    SITE,
    SIZE,
    Apps,
    Sidecar,
    front,
    sidecar,
)
from xaccel_testing import free_ports
from xaccel_testing.servers.processes import wait_until

CLIENT, FRONT = "127.0.0.77", "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Two apps, each with a sidecar, and a front before both. `begin` starts the sidecar with this number again."""

    kind: str
    sidecars: list[Sidecar]
    begin: Callable[[int], None]
    port: int
    authority: Path

    @contextmanager
    def client(self, *, http2: bool = True) -> Iterator[httpx2.Client]:
        """A client with an address of its own, so that it can be told from the front."""
        context = ssl.create_default_context(cafile=str(self.authority))
        transport = httpx2.HTTPTransport(verify=context, http2=http2, http1=not http2, local_address=CLIENT)
        with httpx2.Client(
            transport=transport, base_url=f"https://127.0.0.1:{self.port}", headers={"Host": NAME}, timeout=60
        ) as client:
            yield client

    def entries(self) -> list[dict[str, Any]]:
        return [entry for found in self.sidecars for entry in entries(found.folder / "transfers.log")]


HOST = {"sni_hostname": NAME}


@pytest.fixture(scope="module", params=["caddy", "envoy"])
def deployment(
    request: pytest.FixtureRequest, apps: Apps, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(str(folder / "front.pem"))
    first, second = free_ports(2)
    with ExitStack() as stack:

        def started(number: int) -> Sidecar:
            return stack.enter_context(apps.sidecar(number, folder / f"sidecar-{number}", (first, second)))

        def begin(number: int) -> None:
            sidecars[number] = started(number)

        one, other = started(0), started(1)
        sidecars = [one, other]
        port = stack.enter_context(front(kind, folder / kind, (one, other), folder / "front.pem"))
        found = Deployment(kind, sidecars, begin, port, folder / "ca.pem")
        with found.client() as client:
            assert wait_until(
                lambda: client.get("/seen", extensions=HOST).status_code == 200, timeout_s=60, every_s=0.1
            )
        yield found


def test_nginx_starts_without_the_grants_of_its_last_run(apps: Apps) -> None:
    """In a pod, /run/xaccel outlives a restart of the container."""
    first, second = free_ports(2)
    folder = Path(mkdtemp(dir="/dev/shm"))
    granting = f"""{apps.site}
[grants]
app = "{apps.addresses[0]}"
listen = "127.0.0.1:9399"
paths = ["/files/"]
folder = "FOLDER/run/grants"
"""
    try:
        old = folder / "run/grants/old"
        old.parent.mkdir(mode=0o700, parents=True)
        old.touch()
        with replace(apps, site=granting).sidecar(0, folder, (first, second)) as started:
            assert not old.exists()
            got = httpx2.get(f"http://{started.address}:{started.port}/files/small.bin", timeout=60)
            assert got.content == apps.film[:1000]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("http2", [False, True])
def test_a_download_comes_through_the_front_without_a_private_header(
    deployment: Deployment, apps: Apps, http2: bool
) -> None:
    with deployment.client(http2=http2) as client:
        whole = client.get("/files/film.bin", extensions=HOST)
        part = client.get("/files/film.bin", headers={"Range": "bytes=10-19"}, extensions=HOST)
        head = client.head("/files/film.bin", extensions=HOST)
        missing = client.get("/files/nothing", extensions=HOST)
        outside = client.get("/_xaccel/documents", extensions=HOST)
    assert whole.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert (whole.status_code, sha256(whole.content).digest()) == (200, apps.digest)
    assert (part.status_code, part.content) == (206, apps.film[10:20])
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(SIZE))
    assert (missing.status_code, outside.status_code) == (404, 404)
    for reply in (whole, part, head, missing, outside):
        names = {name.lower() for name in reply.headers}
        assert not {name for name in names if name.startswith(("xaccel-", "x-accel-", "x-amz-"))}


def test_the_app_knows_the_clients_scheme_host_and_address(deployment: Deployment) -> None:
    with deployment.client() as client:
        forged = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "http"}
        seen = client.get("/seen", headers=forged, extensions=HOST).json()
        client.get("/files/film.bin", headers={**forged, "Range": "bytes=0-0"}, extensions=HOST)
    assert (seen["HTTP_HOST"], seen["HTTP_X_FORWARDED_PROTO"]) == (NAME, "https")
    assert (seen["HTTP_X_FORWARDED_FOR"], seen["HTTP_X_REAL_IP"]) == (CLIENT, CLIENT)
    assert wait_until(lambda: any(entry["ip"] == CLIENT for entry in deployment.entries()), timeout_s=60)
    assert not [entry for entry in deployment.entries() if entry["ip"] == "192.0.2.9"]


def test_a_client_beside_the_front_is_not_believed(deployment: Deployment) -> None:
    """127.0.0.77 is not in XACCEL_TRUSTED, the front's address is."""
    found = deployment.sidecars[0]
    url = f"http://{found.address}:{found.port}/seen"
    forged = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https"}
    seen = []
    for address in (CLIENT, FRONT):
        with httpx2.Client(transport=httpx2.HTTPTransport(local_address=address), timeout=60) as client:
            seen.append(client.get(url, headers=forged).json())
    assert [(each["HTTP_X_REAL_IP"], each["HTTP_X_FORWARDED_PROTO"]) for each in seen] == [
        (CLIENT, "http"),
        ("192.0.2.9", "https"),
    ]


def test_caddy_speaks_http_2_without_tls_to_the_sidecar_and_envoy_http_1(deployment: Deployment) -> None:
    version = {"caddy": "HTTP/2.0", "envoy": "HTTP/1.1"}[deployment.kind]
    with deployment.client(http2=deployment.kind == "envoy") as client:
        assert client.get("/seen?from-the-front", extensions=HOST).status_code == 200
    wanted = f"/seen?from-the-front {version}"
    assert wait_until(lambda: any(wanted in found.log for found in deployment.sidecars), timeout_s=60)


def test_a_sidecar_ends_after_its_download_and_the_other_one_takes_over(
    deployment: Deployment, apps: Apps
) -> None:
    with deployment.client() as slow, deployment.client() as client:
        assert all(each.is_ready() for each in deployment.sidecars)
        with slow.stream("GET", "/files/film.bin", extensions=HOST) as response:
            blocks = response.iter_bytes(4096)
            body, served_by = [next(blocks)], response.headers["Served-By"]
            number = SIDECARS.index(served_by)
            ending = deployment.sidecars[number]
            ending.server.signal(signal.SIGQUIT)
            assert wait_until(lambda: not ending.is_ready(), timeout_s=60)
            # the front finds out by refused connections; it must not retry at the sidecar that refused
            replies = Counter(client.get("/seen", extensions=HOST).status_code for _ in range(100))
            assert replies == {200: 100}
            assert ending.server.exit_status is None
            body += blocks
        assert sha256(b"".join(body)).digest() == apps.digest
        assert wait_until(lambda: ending.server.exit_status == 0, timeout_s=60)
    deployment.begin(number)


def test_a_client_that_never_reads_keeps_no_sidecar_from_its_end(apps: Apps, tmp_path: Path) -> None:
    """NGINX waits for it two minutes after the last byte, here two seconds."""
    part, (first, second) = 100_000, free_ports(2)
    with (
        apps.sidecar(0, tmp_path / "sidecar", (first, second), lingering_s=2) as ending,
        socket.socket() as idle,
    ):
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10 * part)
        idle.connect((ending.address, ending.port))
        headers = f"Host: {NAME}\r\nRange: bytes=0-{part - 1}\r\nConnection: close\r\n\r\n"
        idle.sendall(f"GET /files/film.bin HTTP/1.1\r\n{headers}".encode())
        arrived = lambda: len(idle.recv(2 * part, socket.MSG_PEEK)) > part  # noqa: E731
        assert wait_until(arrived, timeout_s=60)
        ending.server.signal(signal.SIGQUIT)
        assert wait_until(lambda: ending.server.exit_status == 0, timeout_s=60)


def test_clients_that_do_not_read_hold_nobody_up(deployment: Deployment, apps: Apps) -> None:
    """One connection from the front to a sidecar may have many downloads."""
    with ExitStack() as stack:
        for _ in range(40):
            client = stack.enter_context(deployment.client())
            idle = stack.enter_context(client.stream("GET", "/files/film.bin", extensions=HOST))
            assert idle.status_code == 200
        with deployment.client() as client:
            whole = client.get("/files/film.bin", extensions=HOST)
        assert sha256(whole.content).digest() == apps.digest


def test_a_whole_archive_and_a_range_of_it_come_through_the_front(deployment: Deployment, apps: Apps) -> None:
    with deployment.client() as client:
        whole = client.get("/zip", extensions=HOST)
        middle = len(whole.content) // 2
        part = client.get("/zip", headers={"Range": f"bytes={middle}-"}, extensions=HOST)
    assert (part.status_code, part.content) == (206, whole.content[middle:])
    archive = zipfile.ZipFile(io.BytesIO(whole.content))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 151
    assert sha256(archive.read("0 film.bin")).digest() == apps.digest
    assert not [found for found in deployment.sidecars if (found.folder / "members.log").read_text()]


def test_nginx_reaches_the_app_for_the_parts_of_archives(deployment: Deployment) -> None:
    found = deployment.sidecars[0]
    reply = httpx2.get(
        f"http://{found.address}:{found.app_port}/seen",
        headers={"Xaccel-Nginx-Token": "t", "Host": NAME},
        timeout=60,
    )
    assert (reply.status_code, "X-Accel-Redirect" in reply.headers) == (200, False)
    # the client's host, which the app accepts, not the address of the app's container
    assert reply.json()["HTTP_HOST"] == NAME


def test_liveness_is_all_that_its_port_has(deployment: Deployment) -> None:
    found = deployment.sidecars[0]
    url = f"http://{found.address}:{found.alive_port}"
    assert httpx2.get(f"{url}/alive", timeout=60).text == "alive\n"
    assert [
        httpx2.get(f"{url}{path}", timeout=60).status_code for path in ("/", "/seen", "/_xaccel/documents")
    ] == [404] * 3


def test_a_sidecar_with_other_settings_than_the_sites_is_not_ready(deployment: Deployment) -> None:
    found = deployment.sidecars[0]
    site = found.folder / "site.toml"
    before = site.read_text()
    site.write_text(before.replace('bucket = "', 'bucket = "other-'))
    try:
        assert not found.is_ready()
    finally:
        site.write_text(before)
    assert found.is_ready()


def test_generated_files_may_be_mounted_in_place_of_the_site(tmp_path: Path) -> None:
    """For example those of a Django project, which has no site.toml."""
    env = {"XACCEL_SECRET": secrets.token_urlsafe(32)}
    first, second, app, listen = free_ports(4)
    site = SITE.format(folder=tmp_path, bucket="documents", endpoint="http://127.0.0.1:1", layouts=tmp_path)
    site = site.replace("9399", str(listen))
    (tmp_path / "elsewhere.toml").write_text(site)
    command = [sys.executable, "-m", "xaccel", "config", "elsewhere.toml", "--write", "generated"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **env}, check=True, capture_output=True)
    address = "127.0.0.4"
    with sidecar(tmp_path, f"127.0.0.1:{app}", address=address, ports=(first, second), env={}) as found:
        assert found.is_ready()
        # the app does not run: the request came as far as to it
        for port in (first, found.app_port):
            assert httpx2.get(f"http://{address}:{port}/seen", timeout=60).status_code == 502
