"""A client that takes nothing for a while, as a paused video player: it is not cut, or it goes on."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.front.front_door import CLIENTS, certify, listening
from tests.live.front.guest import operators_text
from tests.live.front.transfer import Asked, Transfer
from tests.live.raw_server import raw_server, read_head, reset
from tests.live.stage import Stage, line_where, set_everywhere, stage, target
from xaccel.tools.nginx import Parts, emit
from xaccel_testing import Variant, free_port
from xaccel_testing.servers.processes import wait_until

BODY = b"".join(b"%015d\n" % number for number in range(200_000))
"""More than the buffers of NGINX and of both sockets hold, as they are set here."""
BEFORE_PAUSE, LIVES_FOR = 50_000, 500_000
KERNEL = 32768
CUT = {"h1": "connection closed", "h2": "RST_STREAM INTERNAL_ERROR"}


class Storage:
    """Sends BODY or a range of it. With `dies` set it sends a part first, and resets the connection once it is told."""

    def __init__(self) -> None:
        self.dies = False
        self.die = threading.Event()
        self.asked: list[str] = []

    def __call__(self, connection: socket.socket, _: threading.Event) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
        head = read_head(connection).decode()
        found = re.search(r"(?mi)^range: bytes=([0-9]+)-\r$", head)
        self.asked.append(found[0] if found else "")
        start = int(found[1]) if found else 0
        status = f"206 Partial Content\r\nContent-Range: bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        connection.sendall(
            f"HTTP/1.1 {status if found else '200 OK'}\r\nContent-Length: {len(BODY) - start}\r\n"
            'ETag: "film"\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n'.encode()
        )
        if self.dies and not found:
            connection.sendall(BODY[:LIVES_FOR])
            self.die.wait(60)
            reset(connection)
            return
        connection.sendall(BODY[start:])


@dataclass
class Scene:
    stage: Stage
    storage: Storage
    port: int
    ca_file: Path

    @contextmanager
    def transfer(self, protocol: str, asked: Asked) -> Iterator[Transfer]:
        limited = {"receive_buffer": KERNEL} if protocol == "h1" else {}
        connection = CLIENTS[protocol](self.port, self.ca_file, **limited)
        try:
            yield connection.send(asked)
        finally:
            connection.close()


def impatient(parts: Parts) -> Parts:
    return set_everywhere(parts, "proxy_read_timeout", "1s")


@pytest.fixture
def scene(variant: Variant, tmp_path: Path) -> Iterator[Scene]:
    """An operator whose clients are cut after a second without progress."""
    (tmp_path / "nginx" / "static").mkdir(parents=True)
    (tmp_path / "media").mkdir()
    for file in (tmp_path / "nginx" / "static" / "film", tmp_path / "media" / "film"):
        file.write_bytes(BODY)
    ca_file, port, storage = certify(tmp_path), free_port(), Storage()
    doors = emit(listening(port, tmp_path, quic=False)).replace(" ssl;", f" ssl sndbuf={KERNEL};")
    text = operators_text(variant, http="send_timeout 1s; access_log access.log;", server=doors)
    with raw_server(storage) as address:
        origins = {"store": {"base_url": f"http://{address}/"}, "media": {"root": str(tmp_path / "media")}}
        with stage(tmp_path / "nginx", variant, origins, write=text, change=impatient) as running:
            yield Scene(running, storage, port, ca_file)


@pytest.mark.parametrize(("origin", "protocol"), [("store", "h1"), ("store", "h2"), ("media", "h1")])
def test_a_client_may_pause_for_longer_than_the_operators_timeouts(
    scene: Scene, origin: str, protocol: str
) -> None:
    subject = str(uuid4())
    asked = Asked(target(origin, "film", {"subject": subject}))
    with scene.transfer(protocol, asked) as film:
        film.until_bytes(BEFORE_PAUSE)
        # the pause is over when two clients that paused later, one after the other, were cut where nothing is ours
        for number in ("1", "2"):
            with scene.transfer(protocol, Asked(f"/static/film?{number}")) as control:
                control.until_bytes(BEFORE_PAUSE)
                cut: Callable[[], bool] = lambda n=number: f"film?{n}" in scene.stage.nginx.access_log  # noqa: E731
                assert wait_until(cut, timeout_s=60), "the operator's own send_timeout cuts nobody"
                assert not control.until_end().complete
        film.until_end()
        assert film.complete, film.ended
        assert film.body == BODY
    line = line_where(scene.stage.nginx, "subject", subject)
    assert (line["status"], line["completion"], line["why"]) == ("200", "OK", "")
    assert line["body_bytes"] == len(BODY)
    assert float(line["seconds"]) > 2


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_a_paused_player_whose_origin_died_goes_on_by_a_new_range(scene: Scene, protocol: str) -> None:
    scene.storage.dies = True
    subject = str(uuid4())

    def asked(name: str, *headers: tuple[str, str]) -> Asked:
        return Asked(target("store", "film", {"subject": f"{subject}-{name}"}), headers=headers)

    with scene.transfer(protocol, asked("begins")) as film:
        film.until_bytes(BEFORE_PAUSE)
        scene.storage.die.set()
        film.until_end()
    assert (film.complete, film.ended, film.status) == (False, CUT[protocol], 200)
    assert BEFORE_PAUSE <= len(film.body) < len(BODY)
    assert BODY.startswith(film.body)
    tag = next(value for name, value in film.headers if name.lower() == "etag")
    with scene.transfer(
        protocol, asked("goes-on", ("Range", f"bytes={len(film.body)}-"), ("If-Range", tag))
    ) as rest:
        rest.until_end()
    assert (rest.complete, rest.status) == (True, 206)
    assert film.body + rest.body == BODY

    begun, gone_on = (
        line_where(scene.stage.nginx, "subject", f"{subject}-{name}") for name in ("begins", "goes-on")
    )
    assert (begun["status"], begun["why"], begun["body_bytes"]) == ("200", "origin_cut", len(film.body))
    assert begun["sent_length"] == str(len(BODY))
    assert (gone_on["status"], gone_on["completion"], gone_on["why"]) == ("206", "OK", "")
    assert gone_on["body_bytes"] == len(rest.body)
