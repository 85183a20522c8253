"""Clients of an application, and what the application uses while they download."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from integrations.application import Running
from tests.live.client import Reply, ask

CLIENTS = 8
_RECEIVED_FIRST = 65_536
"""Bytes that the system takes for a client that does not read."""
_PIECE = 1_000_000
_TIMEOUT_S = 300
_LOOK_EVERY_S = 0.1


def get(
    site: Running, user: Mapping[str, str], *, method: str = "GET", follow: bool = True, **headers: str
) -> Reply:
    """Request the private file as a user, with further headers. A redirect to the storage is followed."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = ask(site.nginx.port, site.private.path, method, {**user, **more})
    place = urlsplit(reply.one("Location") or "")
    if not follow or place.netloc != site.s3.address:
        return reply
    return ask(place.port or 80, f"{place.path}?{place.query}", method, more)


@contextmanager
def slow_clients(site: Running) -> Iterator[list[bool]]:
    """Let eight clients request the file, which read nothing until the block ends.

    The list then has whether each received the whole file.
    """
    connections = [_request(site) for _ in range(CLIENTS)]
    complete: list[bool] = []
    yield complete
    with ThreadPoolExecutor(CLIENTS) as pool:
        complete += pool.map(lambda connection: _receives_all(site, connection), connections)


def _request(site: Running) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", site.nginx.port, timeout=_TIMEOUT_S)
    connection.sock = socket.socket()
    connection.sock.settimeout(_TIMEOUT_S)
    # before it connects: the window of TCP is agreed then
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_FIRST)
    connection.sock.connect(("127.0.0.1", site.nginx.port))
    connection.request("GET", site.private.path, headers=dict(site.private.owner))
    return connection


def _receives_all(site: Running, connection: http.client.HTTPConnection) -> bool:
    with closing(connection), suppress(OSError, http.client.HTTPException):
        response = connection.getresponse()
        place = urlsplit(response.getheader("Location") or "")
        if place.netloc == site.s3.address:
            response.read()
            connection.close()
            again = http.client.HTTPConnection(place.netloc, timeout=_TIMEOUT_S)
            again.request("GET", f"{place.path}?{place.query}")
            return _receives_all(site, again)
        whole, at = memoryview(site.content), 0
        while piece := response.read(_PIECE):
            if piece != whole[at : at + len(piece)]:
                return False
            at += len(piece)
        return at == len(whole)
    return False


@dataclass(slots=True)
class Used:
    """Memory of the application at the start and at most, and the largest size of its temporary files, in bytes."""

    memory: int
    peak: int
    disk: int = 0


@contextmanager
def watch(site: Running) -> Iterator[Used]:
    """Look at the application's memory and temporary folder until the block ends."""
    before = _memory(site.app.pids)
    used, ended = Used(before, before), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            used.peak = max(used.peak, _memory(site.app.pids))
            used.disk = max(used.disk, _size(site.temporary))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield used
    finally:
        ended.set()
        thread.join()


def _memory(pids: list[int]) -> int:
    """Return the proportional set size, in which a page that workers share counts once."""
    total = 0
    for pid in pids:
        with suppress(psutil.Error):
            total += psutil.Process(pid).memory_full_info().pss
    return total


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
