"""500 clients at once who ask for an object that is not kept yet, and an origin that counts."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.live.cached_files import cached_files
from tests.live.conftest import build_of
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, stage, target
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

CLIENTS = 500
SLICE = 16_384
BODY = bytes(range(251)) * 250
"""3.8 slices."""
SMALL = BODY[:SLICE]
"""Never sliced."""
ALL = [f"bytes={first}-{first + SLICE - 1}" for first in range(0, len(BODY), SLICE)]
WAIT_S = 60
"""A bound for a machine that does other things too: nothing here takes so long."""


@dataclass
class Gate:
    """Opens when all whom it waits for have come by."""

    count: int
    opened: threading.Event = field(default_factory=threading.Event)
    come: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def come_by(self) -> None:
        with self._lock:
            self.come += 1
            if self.come == self.count:
                self.opened.set()

    def wait(self) -> None:
        assert self.opened.wait(WAIT_S), f"{self.come} of {self.count} have come"


@dataclass
class Crowd:
    """One object of the stage's that nobody has asked for. `begun` counts who has a first byte of it."""

    stage: Stage
    origin: Origin
    slices: bool
    name: str
    begun: Gate = field(default_factory=lambda: Gate(CLIENTS))

    def ask(self, body: bytes) -> list[bytes]:
        """What all got at once."""
        path = target("store", options={"cache_version": self.name, "size": len(body)})
        return asyncio.run(asyncio.wait_for(self._all(path), WAIT_S), debug=False)

    async def _all(self, path: str) -> list[bytes]:
        return await asyncio.gather(*(self._one(path) for _ in range(CLIENTS)))

    async def _one(self, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stage.nginx.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        first = await reader.readexactly(1)
        self.begun.come_by()
        body = first + await reader.read()
        writer.close()
        return body

    def files(self) -> int:
        """How many entries lie on the disk, with those that are being written."""
        return len(cached_files(self.stage.nginx.directory / "cache"))

    def asked(self) -> Counter[str | None]:
        """How often the origin was asked for each range since the last call."""
        found = Counter(ranges(self.origin.requests))
        self.origin.requests.clear()
        return found


@pytest.fixture(scope="module")
def stages(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Stage, Origin]]]:
    """One NGINX whose clients wait long for each other, and one whose clients soon ask the origin themselves."""
    with origin_server(lambda request: serve(request, BODY)) as origin:

        def running(lock: str):  # type: ignore[no-untyped-def]
            directory: Path = tmp_path_factory.mktemp(f"crowd-{lock}")
            store = {"base_url": f"{origin.url}/", "cache": True}
            return stage(
                directory, variant, {"store": store}, cache={"path": "cache", "slice": "16k", "lock": lock}
            )

        with running("60s") as patient, running("1s") as hasty:
            yield {"patient": (patient, origin), "hasty": (hasty, origin)}


def crowd(stages: dict[str, tuple[Stage, Origin]], which: str, name: str) -> Crowd:
    made, origin = stages[which]
    origin.answer = lambda request: serve(request, BODY)
    origin.requests.clear()
    return Crowd(made, origin, "slice" in build_of(made.variant).modules, name)


@pytest.fixture
def patient(stages: dict[str, tuple[Stage, Origin]], request: pytest.FixtureRequest) -> Crowd:
    return crowd(stages, "patient", request.node.name)


@pytest.fixture
def hasty(stages: dict[str, tuple[Stage, Origin]], request: pytest.FixtureRequest) -> Crowd:
    return crowd(stages, "hasty", request.node.name)


def late_end(request: Request, gate: Gate) -> Answer:
    """The answer of an origin that sends the first half at once, and the rest behind the gate."""
    whole = serve(request, BODY)
    assert isinstance(whole.body, bytes)
    middle, length = len(whole.body) // 2, ("Content-Length", str(len(whole.body)))

    def halves(body: bytes) -> Iterator[bytes]:
        yield body[:middle]
        gate.wait()
        yield body[middle:]

    return replace(whole, headers=[*whole.headers, length], body=halves(whole.body))


def test_each_slice_is_fetched_once_and_nobody_waits_for_the_whole(patient: Crowd) -> None:
    """The last slice comes when every client has a first byte; were one to wait for the whole, none would get it."""
    patient.origin.answer = lambda request: (
        late_end(request, patient.begun) if request.header("Range") == ALL[-1] else serve(request, BODY)
    )
    assert set(patient.ask(BODY)) == {BODY}
    assert patient.asked() == (Counter(ALL) if patient.slices else {None: 1})


def test_a_whole_object_that_comes_in_time_is_fetched_once(patient: Crowd) -> None:
    """Without the module, or no larger than a slice. Its second half comes when all have asked the app."""
    before, begun = len(patient.stage.hand_offs), []

    def ends(whole: bytes) -> Iterator[bytes]:
        yield whole[:100]
        asked = wait_until(lambda: len(patient.stage.hand_offs) == before + CLIENTS, timeout_s=WAIT_S)
        begun.append(patient.begun.come if asked else "too few asked")
        yield whole[100:]

    patient.origin.answer = lambda _: Answer(headers=[("Content-Length", str(SLICE))], body=ends(SMALL))
    assert set(patient.ask(SMALL)) == {SMALL}
    assert patient.asked() == {None: 1}
    # all but the first one wait for the whole
    assert begun in ([0], [1])
    again = patient.stage.get("store", options={"cache_version": patient.name, "size": SLICE})
    assert (again.body, patient.asked()) == (SMALL, Counter())


@pytest.mark.parametrize("body", [SMALL, BODY], ids=["small", "large"])
def test_clients_that_waited_for_lock_fetch_from_the_origin(hasty: Crowd, body: bytes) -> None:
    """The first one's answer comes when all others are served, and theirs when the origin has seen everybody."""
    sliced = hasty.slices and body is BODY
    everybody, others, on_disk, turns = Gate(CLIENTS), Gate(CLIENTS - 1), [hasty.files()], itertools.count(1)

    def answer(request: Request) -> Answer:
        if request.header("Range") == (ALL[0] if sliced else None):
            first = next(turns) == 1
            everybody.come_by()
            (others if first else everybody).wait()
            if first:
                on_disk.append(hasty.files())
        return serve(request, body)

    hasty.origin.answer, hasty.begun = answer, others
    assert set(hasty.ask(body)) == {body}
    assert hasty.asked()[ALL[0] if sliced else None] == CLIENTS
    # of 499 who had waited one was told to keep what it got, as the first was; the others keep nothing
    before, after = on_disk
    assert after - before <= 2 + (len(ALL) - 1 if sliced else 0)
