"""`xaccel cache purge` on the cache of a running NGINX."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import send_target
from tests.live.conftest import Live, build_of, cache_status
from tests.live.objects import serve
from tests.servers.origin import Answer
from xaccel import cli
from xaccel.nginx import cached_objects
from xaccel_testing.servers.processes import wait_until

LARGE = bytes(range(256)) * 65536
"""16 MiB: more than the buffers of NGINX and of the kernel hold."""


def purge(live: Live, *words: str) -> None:
    parser = cli.argparse.ArgumentParser()
    cli.add_commands(parser, cli.COMMANDS, file=False)
    args = parser.parse_args(["cache", "purge", *words, "--prefix", str(live.nginx.directory)])
    cli.run(args, live.places.site)


def answer_with(live: Live, body: bytes) -> None:
    live.places.origin.answer = lambda _: Answer(body=body)


def being_written(live: Live) -> list[Path]:
    return [file for file in cached_objects.find_files(live.nginx.directory / "cache") if file.suffix]


def test_the_next_request_after_a_purge_gets_the_new_object(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(live, b"old")
    for identity in ("1", "2"):
        assert cache_status(live, "partner-cached", "purged/a", cache_version=identity) == ("MISS", b"old")
        assert cache_status(live, "partner-cached", "purged/a", cache_version=identity) == ("HIT", b"old")
    assert cache_status(live, "partner-cached", "purged/b", cache_version="1") == ("MISS", b"old")
    answer_with(live, b"new")

    purge(live, "partner-cached", "purged/a")
    assert capsys.readouterr().out.startswith("purged/a: purged 2 entries, ")
    for identity in ("1", "2"):
        assert cache_status(live, "partner-cached", "purged/a", cache_version=identity) == ("MISS", b"new")
        assert cache_status(live, "partner-cached", "purged/a", cache_version=identity) == ("HIT", b"new")
    assert cache_status(live, "partner-cached", "purged/b", cache_version="1") == ("HIT", b"old")


def test_one_download_fills_every_slice_for_another_user_and_a_purge_removes_them(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    """An NGINX without slices caches one entry for the object."""
    body = LARGE[:5_000]
    live.places.origin.answer = lambda request: serve(request, body)
    entries = 5 if "slice" in build_of(live.variant).modules else 1

    def requested(subject: str) -> int:
        """Download the object; return how many requests the origin got."""
        live.places.origin.requests.clear()
        options = {"cache_version": "1", "size": len(body), "subject": subject}
        assert live.get("partner-cached", "purged/slices", options=options).body == body
        return len(live.places.origin.requests)

    assert [requested("service"), requested("user")] == [entries, 0]
    purge(live, "partner-cached", "purged/slices")
    assert capsys.readouterr().out.startswith(f"purged/slices: purged {entries} entries, ")
    assert requested("user") == entries


def test_a_transfer_that_is_sent_from_the_cache_goes_on(live: Live) -> None:
    answer_with(live, LARGE)
    assert cache_status(live, "partner-cached", "purged/large", cache_version="1") == ("MISS", LARGE)
    with begun(live, "purged/large") as response:
        start = response.read(1000)
        answer_with(live, b"new")
        purge(live, "partner-cached", "purged/large")
        assert cache_status(live, "partner-cached", "purged/large", cache_version="1") == ("MISS", b"new")
        assert start + response.read() == LARGE


def test_a_purge_during_a_transfer_lets_it_continue_and_caches_nothing(live: Live) -> None:
    """A fill that began before the purge would otherwise put the old object back after it."""
    half, go_on = len(LARGE) // 2, threading.Event()

    def slowly() -> Iterator[bytes]:
        yield LARGE[:half]
        go_on.wait(60)
        yield LARGE[half:]

    live.places.origin.answer = lambda _: Answer(headers=[("Content-Length", str(len(LARGE)))], body=slowly())
    with begun(live, "purged/slow") as response:
        start = response.read(1000)
        assert wait_until(lambda: bool(being_written(live)), timeout_s=60)
        purge(live, "partner-cached", "purged/slow")
        left = being_written(live)
        go_on.set()
        assert start + response.read() == LARGE
    assert left == []
    answer_with(live, b"new")
    assert cache_status(live, "partner-cached", "purged/slow", cache_version="1") == ("MISS", b"new")
    assert cache_status(live, "partner-cached", "purged/slow", cache_version="1") == ("HIT", b"new")


@contextlib.contextmanager
def begun(live: Live, key: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=60)
    asked = {"origin": "partner-cached", "key": key, "options": {"cache_version": "1"}}
    with contextlib.closing(connection):
        connection.request("GET", send_target(asked))
        yield connection.getresponse()


def test_the_command_purges_everything(live: Live, tmp_path: Path) -> None:
    answer_with(live, b"old")
    for key in ("all/a", "all/b"):
        cache_status(live, "partner-cached", key, cache_version="1")
    answer_with(live, b"new")
    file = tmp_path / "site.toml"
    file.write_text(
        f"""
SECRET = "{live.places.site.secrets[0]}"
CACHE = {{ path = "{live.nginx.directory}/cache" }}
[ORIGINS.partner-cached]
type = "http"
base_url = "{live.places.origin.url}/files/"
cache = true
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "xaccel", "cache", "purge", str(file), "--all"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("everything: purged ")
    assert list(cached_objects.find_files(live.nginx.directory / "cache")) == []
    for key in ("all/a", "all/b"):
        assert cache_status(live, "partner-cached", key, cache_version="1") == ("MISS", b"new")


def test_the_documented_rm_purges_everything(live: Live) -> None:
    answer_with(live, b"old")
    cache_status(live, "partner-cached", "rm", cache_version="1")
    answer_with(live, b"new")
    subprocess.run(["sh", "-c", f"rm -rf {live.nginx.directory}/cache/*"], check=True, timeout=60)
    for status in ("MISS", "HIT"):
        assert cache_status(live, "partner-cached", "rm", cache_version="1") == (status, b"new")
