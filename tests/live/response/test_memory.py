"""Memory that clients cost NGINX when they read nothing: as documented, and not much less."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure.processes import memory, settled
from tests.live.client import begun
from tests.live.conftest import build_of
from tests.live.front.front_door import certify, listening
from tests.live.front.guest import operators_text
from tests.live.front.transfer import tls_context
from tests.live.objects import serve
from tests.live.stage import Stage, stage, target
from tests.memory_costs import TLS_KB, memory_kb
from tests.servers.origin import Origin, origin_server
from xaccel.tools.nginx import Parts, emit
from xaccel_testing import Variant, free_port
from xaccel_testing.servers.processes import alive, wait_until

pytestmark = pytest.mark.usefixtures("usual_malloc")

CLIENTS = 40
GRAIN = 1.05
"""An allocator takes memory in pieces: so much of it may be the next client's."""
BODY = bytes(1 << 25)
"""32 MB: more than NGINX and the kernels take in of what nobody reads."""
SLICE = 1 << 18
KEPT_KB = {False: 60, True: 90}
"""A slice that is kept already, as docs/operate/cache.md has it, without njs and with it."""


@dataclass
class Doors:
    """One NGINX: a plain port, and one with TLS."""

    stage: Stage
    tls_port: int
    context: ssl.SSLContext

    @contextmanager
    def held(self, path: str, *, tls: bool, read: int = 4096) -> Iterator[None]:
        """A client that reads so many bytes, and then nothing."""
        port, context = (self.tls_port, self.context) if tls else (self.stage.nginx.port, None)
        with begun(port, path, receive_buffer=16_384, tls=context) as client:
            got = 0
            while got < read:
                block = client.recv(65_536)
                assert block, "the transfer ended"
                got += len(block)
            yield

    def kb(self, expected: float = 0) -> float:
        """NGINX's memory, without that of its program, once it has not grown for ten looks.

        expected: it grows to so much at least, unless that takes half a minute. On a busy machine it pauses before.
        """
        pids = self.stage.nginx.pids  # finding them costs more than a look at their memory
        wait_until(lambda: memory(filter(alive, pids)).anonymous / 1024 > expected, timeout_s=30)
        return settled(lambda: filter(alive, pids), timeout_s=60) / 1024


@contextmanager
def doors(
    directory: Path, variant: Variant, origin: Origin, place: dict[str, Any], **settings: Any
) -> Iterator[Doors]:
    """With one worker, so that whoever is first makes the tables of all."""
    ca_file, tls_port = certify(directory), free_port()
    text = operators_text(variant, server=emit(listening(tls_port, directory, quic=False)))

    def alone(parts: Parts, port: int, app: str) -> str:
        return text(parts, port, app).replace("worker_processes 2;", "worker_processes 1;")

    place = {"base_url": f"{origin.url}/", **place}
    with stage(directory / "nginx", variant, {"store": place}, write=alone, **settings) as made:
        yield Doors(made, tls_port, tls_context(ca_file, "http/1.1"))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_slow_client_costs_the_stated_memory(variant: Variant, tmp_path: Path, tls: bool) -> None:
    """With TLS on both sides or on none, and the default buffers: `scripts/bench slow_clients` has others."""
    with (
        origin_server(
            lambda request: serve(request, BODY), tls_directory=tmp_path if tls else None
        ) as origin,
        doors(tmp_path, variant, origin, {"verify_tls": False} if tls else {}) as nginx,
        ExitStack() as clients,
    ):
        clients.enter_context(nginx.held(target("store"), tls=tls))
        before = nginx.kb()
        for _ in range(CLIENTS):
            clients.enter_context(nginx.held(target("store"), tls=tls))
        stated = memory_kb("8 16k", njs=variant.njs) + (2 * TLS_KB if tls else 0)
        each = (nginx.kb(before + 0.75 * stated * CLIENTS) - before) / CLIENTS
    assert 0.75 * stated < each <= GRAIN * stated


def test_a_slow_client_of_a_cached_object_costs_the_stated_memory(variant: Variant, tmp_path: Path) -> None:
    """Each is the first who asks for an object of its own, which is kept as a whole."""
    body, count = BODY[: 1 << 23], 10
    with (
        origin_server(lambda request: serve(request, body)) as origin,
        doors(tmp_path, variant, origin, {"cache": True}, cache={"path": "cache", "slice": "0"}) as nginx,
        ExitStack() as clients,
    ):
        stated = memory_kb("8 16k", njs=variant.njs, kept=True)
        before = 0.0
        for number in range(count + 1):
            path = target("store", options={"cache_version": str(number), "size": len(body)})
            clients.enter_context(nginx.held(path, tls=False))
            if number == 0:
                before = nginx.kb()
        each = (nginx.kb(before + 0.75 * stated * count) - before) / count
    assert 0.75 * stated < each <= GRAIN * stated


def test_a_slice_costs_the_stated_memory(variant: Variant, tmp_path: Path) -> None:
    """Of a client who has taken half of them. Without slices there is nothing that grows with the object."""
    half = len(BODY) // 2
    with (
        origin_server(lambda request: serve(request, BODY)) as origin,
        doors(tmp_path, variant, origin, {"cache": True}, cache={"path": "cache", "slice": "256k"}) as nginx,
        ExitStack() as clients,
    ):

        def cost(*names: str) -> float:
            before = nginx.kb()
            for name in names:
                path = target("store", options={"cache_version": name, "size": len(BODY)})
                clients.enter_context(nginx.held(path, tls=False, read=half))
            return (nginx.kb() - before) / len(names)

        for at in range(0, len(BODY), SLICE):
            options = {"cache_version": "kept", "size": len(BODY)}
            nginx.stage.get("store", headers={"Range": f"bytes={at}-{at}"}, options=options)
        cost("kept")  # takes what the requests above have left free
        kept = cost("kept", "kept", "kept")
        origin.requests.clear()
        cold = cost("cold")
        asked = len(origin.requests)
    if "slice" not in build_of(variant).modules:
        assert cold <= GRAIN * memory_kb("8 16k", njs=variant.njs, kept=True)
        return
    stated = memory_kb("4 16k", njs=variant.njs)
    assert asked > half // SLICE
    assert 0.75 * stated < cold / asked <= GRAIN * stated
    assert 0.75 * KEPT_KB[variant.njs] < kept / (half / SLICE) <= GRAIN * KEPT_KB[variant.njs]
