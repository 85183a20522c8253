"""Signatures that end while a client still reads: an object in one piece is whole, one in slices is cut."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.client import begun
from tests.live.conftest import build_of
from tests.live.front.front_door import certify, listening
from tests.live.front.guest import operators_text
from tests.live.front.transfer import tls_context
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, stage, target
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.tools.nginx import emit
from xaccel_testing import Variant, free_port
from xaccel_testing.servers.processes import wait_until

BODY = bytes(range(256)) * 4096 * 24
"""24 MB: more than NGINX and the kernels hold of a transfer that nobody reads."""
LIFE_S, RATE = 2, 24 << 20
"""The usual life of a signature, and the slowest client's rate."""


def ends(request: Request) -> float:
    """When the signature of a request ends, as S3 reckons it."""
    query = parse_qs(urlsplit(request.target).query)
    begun = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return begun.timestamp() + int(query["X-Amz-Expires"][0])


def respond(request: Request) -> Answer:
    if time.time() > ends(request):
        return Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    return serve(request, BODY)


@dataclass
class Scene:
    """NGINX with a plain door, through which it sends by sendfile, and one with TLS, where it cannot."""

    stage: Stage
    origin: Origin
    tls_port: int
    ca_file: Path


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("life")
    ca_file, tls_port = certify(directory), free_port()
    door = emit(listening(tls_port, directory, quic=False))
    text = operators_text(variant, http="sendfile on;", server=door)
    with origin_server(respond) as origin:
        lasting = {
            "bucket": "files",
            "endpoint_url": origin.url,
            "region": "us-east-1",
            "access_key": "key",
            "secret_key": "secret",
            "expires_s": LIFE_S,
            "cache": True,
        }
        origins = {
            "lasting": lasting,
            "session": {**lasting, "session_token": "ends some day"},
        }
        cache = {"path": "cache", "slice": "1m", "slowest_rate": RATE}
        with stage(directory, variant, origins, write=text, cache=cache) as made:
            yield Scene(made, origin, tls_port, ca_file)


def slow(
    scene: Scene, which: str, name: str, *, tls: bool = False, **options: Any
) -> tuple[bytes, dict[str, Any]]:
    """Read a little, wait until the signature has ended, and read on; what came, and the line."""
    made, origin = scene.stage, scene.origin
    origin.requests.clear()
    got = bytearray()

    def read() -> None:
        path = target(which, options={"cache_version": name, **options})
        port = scene.tls_port if tls else made.nginx.port
        context = tls_context(scene.ca_file, "http/1.1") if tls else None
        with begun(port, path, tls=context) as client:
            got.extend(client.recv(65_536))
            (first, *_) = origin.wait_for(1)
            while time.time() < ends(first) + 0.1:
                time.sleep(0.05)
            while block := client.recv(1 << 20):
                got.extend(block)

    (line,) = made.lines_of(read)
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(BODY)}".encode() in head
    return body, line


def test_an_object_in_one_piece_is_whole_for_the_slowest_client(
    running: Scene, request: pytest.FixtureRequest
) -> None:
    """With credentials that may end any time, and of unknown size, nothing is asked for in slices."""
    origin = running.origin
    for which, options in (("session", {"size": len(BODY)}), ("lasting", {})):
        body, line = slow(running, which, f"{request.node.name} {which}", **options)
        assert (body == BODY, line["why"], line["completion"]) == (True, "", "OK")
        assert ranges(origin.requests) == [None]


def test_a_client_slower_than_the_slowest_gets_no_short_file(
    running: Scene, request: pytest.FixtureRequest
) -> None:
    """It takes nothing until its signature has ended, by the real clock. Slices over TLS wait for it, and it is cut."""
    made, origin = running.stage, running.origin
    body, line = slow(running, "lasting", request.node.name, tls=True, size=len(BODY))
    if "slice" in build_of(made.variant).modules:
        assert 0 < len(body) < len(BODY)
        assert BODY.startswith(body)
        assert (line["why"], line["completion"], line["body_bytes"]) == ("slice_failed", "", len(body))
        return
    assert (body == BODY, line["why"], line["completion"]) == (True, "", "OK")
    assert len(origin.requests) == 1


def test_a_signature_that_ends_between_slices_breaks_the_transfer(
    running: Scene, request: pytest.FixtureRequest
) -> None:
    """The fourth request, in time by itself, takes the storage too long. Resumed with a new one, the file is whole."""
    made, origin = running.stage, running.origin
    options = {"cache_version": request.node.name, "size": len(BODY)}
    origin.requests.clear()

    def tired(asked: Request) -> Answer:
        answer = respond(asked)
        if len(origin.requests) == 4:
            assert wait_until(lambda: time.time() > ends(asked) + 0.1, timeout_s=60)
        return answer

    origin.answer = tired
    partial: list[bytes] = []

    def download() -> None:
        try:
            partial.append(made.get("lasting", options=options).body)
        except http.client.IncompleteRead as error:
            partial.append(error.partial)

    (line,) = made.lines_of(download)
    origin.answer = respond
    (body,) = partial
    sliced = "slice" in build_of(made.variant).modules
    # by its rate the slowest client takes a second for the file: what the app signs for, where NGINX has slices or not
    lives = {parse_qs(urlsplit(request.target).query)["X-Amz-Expires"][0] for request in origin.requests}
    assert lives == {str(LIFE_S + len(BODY) // RATE)}
    if not sliced:
        assert (body == BODY, line["why"], ranges(origin.requests)) == (True, "", [None])
        return
    # what the kernel has not taken yet is lost with the transfer
    assert 0 < len(body) <= 4 << 20
    assert BODY.startswith(body)
    assert (line["why"], line["completion"], line["body_bytes"]) == ("slice_failed", "", len(body))
    rest = made.get("lasting", headers={"Range": f"bytes={len(body)}-"}, options=options)
    assert (rest.status, body + rest.body == BODY) == (206, True)
