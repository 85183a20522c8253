"""The files of NGINX's cache are removed while it runs, as the page about the cache says."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.live.cached_files import cached_files
from tests.live.client import send_target
from tests.live.conftest import Live, build_of, cache_status
from tests.live.objects import serve
from tests.servers.origin import Answer
from xaccel_testing.servers.processes import wait_until

LARGE = bytes(range(256)) * 65536
"""16 MiB: more than the buffers of NGINX and of the kernel hold."""


def empty(live: Live) -> None:
    subprocess.run(["sh", "-c", f"rm -rf {live.nginx.directory}/cache/*"], check=True, timeout=60)


def answer_with(live: Live, body: bytes) -> None:
    live.places.origin.answer = lambda _: Answer(body=body)


def being_written(live: Live) -> list[Path]:
    return [file for file in cached_files(live.nginx.directory / "cache") if file.suffix]


def test_the_next_request_gets_the_new_object(live: Live) -> None:
    answer_with(live, b"old")
    assert cache_status(live, "partner-cached", "emptied/a", cache_version="1") == ("MISS", b"old")
    answer_with(live, b"new")
    assert cache_status(live, "partner-cached", "emptied/a", cache_version="1") == ("HIT", b"old")
    empty(live)
    for status in ("MISS", "HIT"):
        assert cache_status(live, "partner-cached", "emptied/a", cache_version="1") == (status, b"new")


def test_one_download_fills_every_slice_for_another_user(live: Live) -> None:
    """An NGINX without slices caches one entry for the object."""
    body = LARGE[:5_000]
    live.places.origin.answer = lambda request: serve(request, body)
    entries = 5 if "slice" in build_of(live.variant).modules else 1

    def requested(subject: str) -> int:
        """Download the object; return how many requests the origin got."""
        live.places.origin.requests.clear()
        options = {"cache_version": "1", "size": len(body), "subject": subject}
        assert live.get("partner-cached", "emptied/slices", options=options).body == body
        return len(live.places.origin.requests)

    assert [requested("service"), requested("user")] == [entries, 0]
    empty(live)
    assert requested("user") == entries


def test_a_transfer_that_is_sent_from_the_cache_goes_on(live: Live) -> None:
    answer_with(live, LARGE)
    assert cache_status(live, "partner-cached", "emptied/large", cache_version="1") == ("MISS", LARGE)
    with begun(live, "emptied/large") as response:
        start = response.read(1000)
        answer_with(live, b"new")
        empty(live)
        assert cache_status(live, "partner-cached", "emptied/large", cache_version="1") == ("MISS", b"new")
        assert start + response.read() == LARGE


def test_a_transfer_that_fills_the_cache_continues_and_caches_nothing(live: Live) -> None:
    """Otherwise it would put the old object back."""
    half, go_on = len(LARGE) // 2, threading.Event()

    def slowly() -> Iterator[bytes]:
        yield LARGE[:half]
        go_on.wait(60)
        yield LARGE[half:]

    live.places.origin.answer = lambda _: Answer(headers=[("Content-Length", str(len(LARGE)))], body=slowly())
    with begun(live, "emptied/slow") as response:
        start = response.read(1000)
        assert wait_until(lambda: bool(being_written(live)), timeout_s=60)
        empty(live)
        left = being_written(live)
        go_on.set()
        assert start + response.read() == LARGE
    assert left == []
    answer_with(live, b"new")
    assert cache_status(live, "partner-cached", "emptied/slow", cache_version="1") == ("MISS", b"new")
    assert cache_status(live, "partner-cached", "emptied/slow", cache_version="1") == ("HIT", b"new")


@contextlib.contextmanager
def begun(live: Live, key: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=60)
    asked = {"origin": "partner-cached", "key": key, "options": {"cache_version": "1"}}
    with contextlib.closing(connection):
        connection.request("GET", send_target(asked))
        yield connection.getresponse()
