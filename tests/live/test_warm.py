"""`xaccel warm`: the cache filled through NGINX itself, and nothing to be had from its sockets otherwise."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import build_of
from tests.live.stage import SECRET, Stage, stage
from xaccel import cli
from xaccel.cli import STOPPED
from xaccel.errors import CacheError, InputRefused
from xaccel.nginx import Parts, files
from xaccel.nginx.warm_server import APP_SOCKET, NGINX_SOCKET
from xaccel.sender import Sender
from xaccel.servers.processes import wait_until
from xaccel.site import Cache, Site
from xaccel.testing import Answer, Origin, Request, Variant, origin_server
from xaccel.warm.app import App, running_app
from xaccel.warm.fill import Filler, Wanted

pytestmark = [pytest.mark.main, pytest.mark.nginx]

BODY = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with origin_server(objects) as server:
        yield server


def objects(request: Request) -> Answer:
    if "missing" in request.target:
        return Answer(status=404)
    part = re.fullmatch("bytes=([0-9]+)-([0-9]+)", request.header("Range") or "")
    if part is None or "sliced" not in request.target:
        return Answer(body=BODY)
    body = BODY[int(part[1]) : int(part[2]) + 1]
    place = f"bytes {part[1]}-{int(part[1]) + len(body) - 1}/{len(BODY)}"
    return Answer(status=206, headers=[("Content-Range", place), ("ETag", '"1"')], body=body)


@pytest.fixture(scope="module")
def warmed(variant: Variant, origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Its directory of sockets has a short path: that of a Unix socket has 107 bytes."""
    folder = tmp_path_factory.mktemp("warm")
    with stage(
        folder,
        variant,
        {
            "store": {"base_url": f"{origin.url}/", "cache": True},
            "plain": {"base_url": f"{origin.url}/"},
        },
        cache={"path": "cache", "slice": "256k", "warm_directory": str(sockets(folder))},
        log=str(folder / "xaccel.log"),
        concurrency=1,
        limit_rate=1_000_000,
    ) as running:
        yield running


def sockets(folder: Path) -> Path:
    made = folder / "s"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture(autouse=True)
def _as_before(origin: Origin) -> Iterator[None]:
    yield
    origin.answer = objects
    origin.requests.clear()


def directory(stage: Stage) -> Path:
    return stage.nginx.directory / "s"


def warm(stage: Stage, *words: str) -> None:
    run(stage, "warm", *words)


def run(stage: Stage, *words: str) -> None:
    parser = cli.argparse.ArgumentParser()
    cli.add_arguments(parser, file=False)
    cli.run(parser.parse_args(words), stage.site)


def from_the_socket(path: Path, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("xaccel", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", target)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [len(BODY), None], ids=["size known", "unknown"])
def test_the_first_user_after_it_hits(
    warmed: Stage, origin: Origin, capsys: pytest.CaptureFixture[str], size: int | None
) -> None:
    """With the size that the app gives: of an object with a size NGINX caches slices, of another the whole."""
    given = [] if size is None else ["--size", str(size)]
    options = {"identity": f"hot {size}", "size": size}
    for word in ("MISS", "HIT"):
        warm(warmed, "store", "hot", "--identity", options["identity"], *given)  # type: ignore[arg-type]
        assert capsys.readouterr().out.startswith(f"{word} store hot: {len(BODY)} bytes in ")
    (line,) = warmed.lines_of(lambda: warmed.get("store", "hot", options=options))
    assert (line["cache"], line["status"], line["sent_length"]) == ("HIT", "200", str(len(BODY)))
    assert len(origin.requests) == 1


def test_slices_are_warmed_and_purged(
    warmed: Stage, origin: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    """One entry for each of four slices where NGINX has them, else one for the object."""
    entries = 4 if build_of(warmed.variant).slice else 1
    warm(warmed, "store", "sliced", "--identity", "1", "--size", str(len(BODY)))
    assert capsys.readouterr().out.startswith(f"MISS store sliced: {len(BODY)} bytes in ")
    assert len(origin.requests) == entries
    options = {"identity": "1", "size": len(BODY)}
    assert warmed.get("store", "sliced", options=options).body == BODY
    assert len(origin.requests) == entries
    run(warmed, "purge", "store", "sliced", "--prefix", str(warmed.nginx.directory))
    assert capsys.readouterr().out.startswith(f"sliced: purged {entries} entries, ")
    assert warmed.get("store", "sliced", options=options).body == BODY
    assert len(origin.requests) == 2 * entries


def test_a_list_is_warmed_its_lines_are_recognisable_and_what_fails_is_named(
    warmed: Stage, origin: Origin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The site allows one transfer at once for a subject, slowly; that is for users."""
    wanted: list[dict[str, object]] = [
        {"origin": "store", "key": f"listed {number}", "identity": "1"} for number in range(8)
    ]
    wanted += [
        {"origin": "store", "url": f"{origin.url}/by-url?v=1", "identity": "1"},
        {"origin": "store", "key": "missing", "identity": "1"},
        {"origin": "store", "key": "short", "identity": "1", "size": 5},
        {"origin": "plain", "key": "uncached", "identity": "1"},
        {"origin": "nowhere", "key": "k", "identity": "1"},
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n".join(json.dumps(one) for one in wanted)))
    before = len(of_warm(warmed))
    with pytest.raises(CacheError, match="4 of 13 objects are not in the cache"):
        warm(warmed, "--parallel", "4")
    told = sorted(capsys.readouterr().out.splitlines())
    failed, kept = [line for line in told if line.startswith("FAILED ")], told[4:]
    assert (
        failed[0] == "FAILED nowhere k: origin: the site has no origin 'nowhere'. Use one of: plain, store."
    )
    assert failed[1].startswith("FAILED plain uncached: origin: nothing of 'plain' is cached.")
    assert failed[2:] == [
        "FAILED store missing: origin_404 (404)",
        "FAILED store short: size_differs",
    ]
    assert [line.partition(":")[0] for line in kept] == [
        f"MISS store {origin.url}/by-url?v=1".partition(":")[0],
        *(f"MISS store listed {number}" for number in range(8)),
    ]
    assert wait_until(lambda: len(of_warm(warmed)) >= before + 11, timeout_s=5)
    lines = of_warm(warmed)[before:]
    assert len(lines) == 11
    assert {line["subject"] for line in lines} == {"warm"}
    assert "" not in {line["id"] for line in lines}


def of_warm(stage: Stage) -> list[dict[str, Any]]:
    """What came through the socket; lines of users, from tests before, may still be written."""
    return [line for line in stage.nginx.lines() if line["ip"] == "unix:"]


def test_nothing_is_to_be_had_from_the_sockets(warmed: Stage) -> None:
    """Not a path that somebody makes up, not an internal location, and nothing a second time."""
    own = directory(warmed)
    assert from_the_socket(own / NGINX_SOCKET, "/hot")[0] == 502
    with running_app(own) as app:
        hand_off = Sender(warmed.site).hand_off("store", "x")
        for target in ("/", "/hot", "/_xaccel/store", f"/{hand_off.transfer_id}"):
            assert from_the_socket(own / NGINX_SOCKET, target)[0] == 404
            assert from_the_socket(own / APP_SOCKET, target) == (404, b"")
        path = app.offer(hand_off)
        assert from_the_socket(own / NGINX_SOCKET, path) == (200, BODY)
        assert from_the_socket(own / NGINX_SOCKET, path)[0] == 404
    assert not (own / APP_SOCKET).exists()
    assert from_the_socket(own / NGINX_SOCKET, path)[0] == 502


def test_a_directory_that_others_may_enter_and_a_second_command_are_refused(warmed: Stage) -> None:
    own = directory(warmed)
    for mode in (0o701, 0o720, 0o755):
        own.chmod(mode)
        try:
            with pytest.raises(CacheError, match="others may enter it or write there"):
                warm(warmed, "store", "hot", "--identity", "1")
        finally:
            own.chmod(0o700)
    with running_app(own), pytest.raises(CacheError, match="another `xaccel warm` is running"):
        warm(warmed, "store", "hot", "--identity", "1")


def test_workers_that_do_not_reach_the_command_are_told(warmed: Stage, tmp_path: Path) -> None:
    """The app's side is somewhere else here, as behind a directory that the workers may not enter."""
    filler = Filler(
        sender=Sender(warmed.site), app=App(), directory=directory(warmed), log=tmp_path / "no.log"
    )
    outcome = filler.fill(Wanted(origin="store", key="k", identity="1"))
    assert outcome.failure == (
        f"NGINX did not ask for the hand-off (502): may its workers enter {directory(warmed)}?"
    )


def test_a_cut_object_is_told(warmed: Stage, origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    origin.answer = lambda _: Answer(headers=[("Content-Length", "1000")], body=b"x" * 10, close=True)
    with pytest.raises(CacheError):
        warm(warmed, "store", "cut", "--identity", "1")
    assert capsys.readouterr().out.startswith("FAILED store cut: ")


def test_ctrl_c_ends_it_at_once_and_cleanly(warmed: Stage, origin: Origin, tmp_path: Path) -> None:
    go_on = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield BODY[:1000]
        go_on.wait(20)
        yield BODY[1000:]

    origin.answer = lambda _: Answer(headers=[("Content-Length", str(len(BODY)))], body=slowly())
    file = tmp_path / "site.toml"
    file.write_text(
        f"""
SECRET = "{SECRET}"
LOG = "{warmed.site.log_path}"
CACHE = {{ path = "cache", warm_directory = "{directory(warmed)}" }}
[ORIGINS.store]
BACKEND = "xaccel.HTTPOrigin"
OPTIONS = {{ base_url = "{origin.url}/", cache = true }}
"""
    )
    command = [sys.executable, "-m", "xaccel", "warm", str(file), "store", "slow", "--identity", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        origin.wait_for(1, timeout_s=30)
        running.send_signal(signal.SIGINT)
        try:
            out, error = running.communicate(timeout=10)
        finally:
            go_on.set()
    assert (running.returncode, out, error) == (STOPPED, "", "")
    assert not (directory(warmed) / APP_SOCKET).exists()
    warm(warmed, "store", "slow", "--identity", "1")


def test_without_the_part_nobody_listens(variant: Variant, origin: Origin, tmp_path: Path) -> None:
    folder = sockets(tmp_path)

    def without(parts: Parts) -> Parts:
        return replace(parts, warm=())

    with (
        stage(
            tmp_path,
            variant,
            {"store": {"base_url": f"{origin.url}/", "cache": True}},
            cache={"path": "cache", "warm_directory": str(folder)},
            change=without,
        ) as running,
        pytest.raises(CacheError, match=r"no NGINX listens .* with its warm\.conf"),
    ):
        warm(running, "store", "hot", "--identity", "1")


def test_the_part_is_a_file_of_its_own_and_only_where_it_is_wanted(variant: Variant, tmp_path: Path) -> None:
    def names(**cache: str) -> set[str]:
        site = Site(origins={}, secrets=(SECRET,), cache=Cache(path="cache", **cache))
        return {path.name for path in files.texts(site, build_of(variant), tmp_path)}

    assert names(warm_directory="/run/w") - names() == {"warm.conf"}


def test_it_goes_with_nginx_and_comes_back(variant: Variant, origin: Origin, tmp_path: Path) -> None:
    """A socket that an NGINX left behind would keep the next one from starting."""
    folder = sockets(tmp_path)
    for _ in range(2):
        with stage(
            tmp_path,
            variant,
            {"store": {"base_url": f"{origin.url}/", "cache": True}},
            cache={"path": "cache", "warm_directory": str(folder)},
        ) as running:
            assert (folder / NGINX_SOCKET).is_socket()
            os.kill(running.nginx.pid, signal.SIGQUIT)
            assert wait_until(lambda: not (folder / NGINX_SOCKET).exists(), timeout_s=10)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"origin": "store", "key": "k"}',
        '{"origin": "store", "key": "k", "identity": ""}',
        '{"origin": "store", "key": "k", "url": "u", "identity": "1"}',
        '{"origin": "store", "identity": "1"}',
        '{"key": "k", "identity": "1"}',
        '{"origin": "store", "key": "k", "identity": 1}',
        '{"origin": "store", "key": "k", "identity": "1", "more": "1"}',
    ],
)
def test_a_line_that_is_no_object_stops_it_before_it_starts(
    warmed: Stage, origin: Origin, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    good = '{"origin": "store", "key": "before", "identity": "1"}'
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{good}\n{text}\n"))
    with pytest.raises(InputRefused, match="line 2"):
        warm(warmed)
    assert origin.requests == []
