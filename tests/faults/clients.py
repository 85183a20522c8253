"""Users of the topology: each request has a User-Agent of its own, by which the audit trail's row of it is found."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.objects import DIGESTS, LARGE, MEDIUM, OBJECTS, SMALL
from xaccel_testing.servers.processes import wait_until

_BLOCK = 1 << 18
_TIMEOUT_S = 90
BESIDE_OTHERS = 4
"""How many times longer a recovery may take on a machine that runs other tests too: one of 30 s once took more."""
_numbers = itertools.count()
_run = random.randbytes(6).hex()


@dataclass
class Seen:
    """One request, and what the client saw of its response. `status` is 0 without one."""

    agent: str
    port: int
    method: str
    path: str
    status: int = 0
    announced: int | None = None
    received: int = 0
    digest: str = ""
    body: bytes = b""
    has_left: bool = False

    @property
    def key(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]

    @property
    def is_whole(self) -> bool:
        """Tell whether these are all bytes of the object."""
        return self.status == 200 and self.digest == DIGESTS[self.key]

    @property
    def is_wrong(self) -> bool:
        """Tell whether a response that looks whole has other bytes than the object."""
        ended = self.method == "GET" and self.status == 200 and self.received == self.announced
        return ended and not self.is_whole

    @property
    def client(self) -> str:
        """What the audit trail stores of the User-Agent."""
        return hashlib.sha256(self.agent.encode()).hexdigest()[:16]

    @property
    def ended(self) -> bool:
        """Tell whether all announced bytes came."""
        return self.received == self.announced


@dataclass
class Users:
    """Users who know the addresses of all NGINX, and ask the next one if a connection fails."""

    ports: Sequence[int]
    seen: list[Seen] = field(default_factory=list)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Seen:
        """Request `path` from the first NGINX that responds."""
        for port in random.sample(list(self.ports), len(self.ports)):
            found = self.ask(port, path, method=method, **headers)
            if found.status:
                break
        return found

    def ask(
        self,
        port: int,
        path: str,
        *,
        method: str = "GET",
        leave_after: int | None = None,
        pause: Callable[[], Any] = lambda: None,
        **headers: str,
    ) -> Seen:
        """Request `path` from one NGINX. `pause` is called after the first bytes; `leave_after` closes early."""
        seen = Seen(f"faults-{_run}-{next(_numbers)}", port, method, path)
        self.seen.append(seen)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        read = hashlib.sha256()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"User-Agent": seen.agent, **named})
            with connection.getresponse() as response:
                seen.status = response.status
                length = response.getheader("Content-Length")
                seen.announced = int(length) if length and method == "GET" else 0
                while block := response.read(4096 if not seen.received else _BLOCK):
                    read.update(block)
                    if not seen.received:
                        pause()
                    if seen.status >= 400:
                        seen.body += block
                    seen.received += len(block)
                    if leave_after is not None and seen.received >= leave_after:
                        seen.has_left = seen.received != seen.announced
                        break
        except http.client.IncompleteRead as cut:
            read.update(cut.partial)
            seen.received += len(cut.partial)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        seen.digest = read.hexdigest()
        return seen

    def works(self) -> bool:
        """Tell whether a new download arrives."""
        return self.get(f"/store/{SMALL}").is_whole

    def work_within(self, seconds: float) -> bool:
        """Tell whether new downloads arrive again, and print when; `seconds` is what an idle machine needs at most.

        Elections and timeouts of the other products take several times as long on a machine that runs other tests.
        If none arrives, what the last requests got is printed.
        """
        begun = time.monotonic()
        works = wait_until(self.works, timeout_s=seconds * BESIDE_OTHERS)
        print(f"new downloads worked after {time.monotonic() - begun:.1f} s of {seconds:.0f}")
        if not works:
            for seen in self.seen[-12:]:
                print(seen.port, seen.path, seen.status, seen.received, seen.body[:80])
        return works

    def work(self, count: int) -> bool:
        """Tell whether so many new downloads arrive, one after the other: after a fault only some may."""
        return all(self.works() for _ in range(count))

    @property
    def wrong(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.is_wrong]

    @contextmanager
    def busy(self, threads: int = 2) -> Iterator[None]:
        """Download all the time until the block ends."""
        stop = threading.Event()

        def work() -> None:
            for key in itertools.cycle([SMALL, MEDIUM, SMALL]):
                if stop.is_set():
                    return
                self.get(f"/{random.choice(['store', 'cached'])}/{key}")
                time.sleep(0.05)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            stop.set()
            for worker in workers:
                worker.join(_TIMEOUT_S)


class UnderWay(threading.Thread):
    """A download of the large object that reads on when it is told to."""

    def __init__(self, users: Users, port: int, origin: str = "store") -> None:
        super().__init__(daemon=True)
        self._ask = lambda: users.ask(port, f"/{origin}/{LARGE}", pause=self._pause)
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.seen: Seen | None = None

    def _pause(self) -> None:
        self._begun.set()
        self._go_on.wait(_TIMEOUT_S)

    def run(self) -> None:
        with suppress(OSError):
            self.seen = self._ask()
        self._begun.set()

    def begin(self) -> UnderWay:
        self.start()
        assert self._begun.wait(_TIMEOUT_S)
        assert self.seen is None, "the download ended at once"
        return self

    def finish(self) -> Seen:
        """Read the rest, and return what came."""
        self._go_on.set()
        self.join(_TIMEOUT_S)
        assert self.seen is not None
        return self.seen


def resumed(users: Users, cut: Seen) -> bool:
    """Request the rest of a download that was cut, and tell whether both parts are the object."""
    content = OBJECTS[cut.key]
    headers: Mapping[str, str] = {"Range": f"bytes={cut.received}-"}
    rest = users.get(cut.path, **headers)
    whole = hashlib.sha256(content[cut.received :]).hexdigest()
    return rest.status == 206 and rest.digest == whole
