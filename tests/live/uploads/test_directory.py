"""Uploads into a directory: written once, checked by the app, never half there and never in the place of another."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.small_disk import small_disk
from tests.live.uploads.scene import SECRET, Browser, Scene, crc32_of, scene, state, trail
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import S3Server, Variant
from xaccel_testing.servers.processes import family, wait_until

pytestmark = pytest.mark.variants("deb-njs")  # the wheel's NGINX lacks the module dav

BODY = os.urandom(1_500_000)
PATH = "/files/a?origin=disk"


@pytest.fixture(scope="module")
def site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("uploads")
    root = folder / "a disk"
    (root / ".xaccel-uploads").mkdir(parents=True)
    # as docs/integrate/upload-directory.md says; files get the group of the folder
    (root / ".xaccel-uploads").chmod(0o2770)
    origins = {"disk": {"type": "local", "root": str(root)}}
    with scene(folder, variant, s3, uploads={"origins": ["documents", "disk"]}, origins=origins) as running:
        yield running


def files(site: Scene) -> dict[str, int]:
    """The size of each file of the directory, by its key."""
    root, found = site.folder / "a disk", {}
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):  # NGINX has just deleted it
            if path.is_file():
                found[str(path.relative_to(root))] = path.stat().st_size
    return found


def begin(site: Scene, user: str, sent: int, size: int = len(BODY)) -> socket.socket:
    """Send the head of an upload, and some bytes."""
    headers = {**Browser(site).headers, "X-User": user, "Content-Length": str(size)}
    return site.begin(headers, BODY[:sent], PATH)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def is_staged(site: Scene) -> bool:
    return any(name.startswith(".xaccel-uploads/") for name in files(site))


@pytest.mark.parametrize("size", [0, 1, len(BODY)])
def test_a_file_is_stored_and_sent_again(site: Scene, size: int) -> None:
    body = BODY[:size]
    reply = Browser(site).put(body, PATH, **{"x-amz-checksum-crc32": crc32_of(body)})
    assert reply.status == 201
    made = json.loads(reply.body)
    assert files(site)[made["key"]] == size
    assert not is_staged(site)
    file = site.folder / "a disk" / made["key"]
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (body, 0o660)
    entry = site.entry(id=made["id"])
    assert (entry["origin"], entry["status"], entry["origin_status"], entry["why"]) == (
        "disk",
        "201",
        "201",
        "",
    )
    sent = ask(site.nginx.port, f"{PATH}&key={made['key']}")
    assert (sent.status, sent.body, sent.one("ETag")) == (200, body, made["etag"])


def test_a_file_without_a_checksum_is_stored(site: Scene) -> None:
    made = json.loads(Browser(site).put(BODY, PATH, "dan").body)
    assert trail(site, "dan") == [["PUT", "stored", "", ""]]
    assert (site.folder / "a disk" / made["key"]).read_bytes() == BODY


def test_a_wrong_crc32_leaves_nothing(site: Scene) -> None:
    before = files(site)
    reply = Browser(site).put(BODY, PATH, "carol", **{"x-amz-checksum-crc32": crc32_of(b"other")})
    assert (reply.status, b"CRC-32" in reply.body) == (422, True)
    entry = site.entry(subject="carol")
    assert state(site, entry["id"]) == "released"
    assert trail(site, "carol") == [["PUT", "refused", "", "origin_400"]]
    assert files(site) == before


def test_a_refused_file_is_not_written(site: Scene) -> None:
    before = files(site)
    assert Browser(site).put(BODY, f"{PATH}&quota=1", "bob").status == 507
    assert Browser(site).put(BODY, PATH, "mallory").status == 403
    part = {**Browser(site).headers, "Content-Type": "application/partial-upload", "Upload-Offset": "0"}
    assert ask(site.nginx.port, f"{PATH}&upload=x", "PATCH", part, BODY).status == 405
    assert files(site) == before


def test_a_disk_that_fills_meanwhile_is_507(variant: Variant, s3: S3Server, tmp_path: Path) -> None:
    """Both files have room when the app is asked; then one of them fills the disk."""
    with small_disk(tmp_path, "4m", "a disk") as root:
        (root / ".xaccel-uploads").mkdir()
        (root / ".xaccel-uploads").chmod(0o2770)
        origins = {"disk": {"type": "local", "root": str(root)}}
        with scene(tmp_path, variant, s3, uploads={"origins": ["disk"]}, origins=origins) as site:
            size = 3_000_000
            with closing(begin(site, "ann", 600_000, size)) as ann:
                assert wait_until(lambda: sum(files(site).values()) > 300_000, timeout_s=60)
                with closing(begin(site, "ben", 600_000, size)) as ben:
                    ben.sendall(bytes(size - 600_001))
                    assert wait_until(lambda: sum(files(site).values()) > size, timeout_s=60)
                    ann.sendall(bytes(size - 600_000))
                    response = HTTPResponse(ann)
                    response.begin()
                    assert (response.status, b"the disk is full" in response.read()) == (507, True)
                entry = site.entry(subject="ann")
                assert (entry["why"], state(site, entry["id"])) == ("origin_500", "released")


def test_a_client_that_leaves_leaves_nothing(site: Scene) -> None:
    before = files(site)
    with closing(begin(site, "fred", len(BODY) - 1)):
        assert wait_until(lambda: is_staged(site), timeout_s=60)
    assert site.entry(subject="fred")["why"] == "client_left"
    assert wait_until(lambda: files(site) == before, timeout_s=60)


def test_the_sweep_gives_the_name_if_the_app_could_not(site: Scene) -> None:
    fails = site.folder / "fails"
    fails.touch()
    try:
        reply = Browser(site).put(BODY, PATH, "emma")
        assert (reply.status, reply.one("Retry-After")) == (503, "10")
        assert "ask later whether the file is there" in json.loads(reply.body)["detail"]
        entry = site.entry(subject="emma")
        assert (entry["why"], state(site, entry["id"])) == ("finish_failed", "open")
    finally:
        fails.unlink()
    site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
    [told] = [one for one in site.told() if one["id"] == entry["id"]]
    assert (state(site, entry["id"]), files(site)[told["key"]]) == ("stored", len(BODY))


def test_the_sweep_deletes_what_a_killed_nginx_left(site: Scene) -> None:
    before = files(site)
    with closing(begin(site, "kim", len(BODY) - 1)):
        assert wait_until(lambda: is_staged(site), timeout_s=60)
        master = int((site.nginx.directory / "nginx.pid").read_text())
        workers = [pid for pid in family(master) if pid != master]
        # all of them stop first: a worker that sees the other one die deletes its file
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        assert wait_until(lambda: all(map(is_stopped, workers)), timeout_s=60)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: not set(workers) & set(family(master)), timeout_s=60)
    assert files(site).keys() - before.keys()
    site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
    assert files(site) == before
    assert wait_until(lambda: Browser(site).put(b"x", PATH, "kim").status == 201, timeout_s=60)


@pytest.mark.parametrize(
    "url",
    [
        "file:///../0123456789-0123456789-0123456789-012345",
        "file:////etc/0123456789-0123456789-0123456789-0123",
        "file:///019AAE21-0000-7000-8000-000000000000",
        "file:///019aae21-0000-7000-8000-000000000000/x",
        "file://127.0.0.1/019aae21-0000-7000-8000-000000000000",
        "http://127.0.0.1/019aae21-0000-7000-8000-000000000000",
        "",
    ],
)
def test_no_url_of_the_app_leads_out_of_the_staging_folder(site: Scene, url: str) -> None:
    """An app that is under an attacker's control has the secret, and names any URL."""
    assert site.site.uploads is not None
    before = files(site)
    with closing(HTTPConnection(site.site.uploads.listen, timeout=60)) as connection:
        headers = {TOKEN_HEADER: nginx_token(SECRET), "Host": "uploads.invalid", "Xaccel-Url": url}
        connection.request("PUT", "/put/disk", b"x", headers)
        response = connection.getresponse()
        assert (response.status, response.headers["Xaccel-Storage-Status"]) == (404, "404")
    assert files(site) == before
