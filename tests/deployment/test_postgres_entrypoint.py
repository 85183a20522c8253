"""The image of PostgreSQL makes a cluster at its first start, and deletes nothing that it did not make."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest

from tests.groups import ROOT
from tests.pages import replace_each
from tests.servers.postgres import identity_of, postgres_binaries, says_ready
from xaccel_testing import free_port
from xaccel_testing.servers import ServerMissing
from xaccel_testing.servers.processes import running


@pytest.fixture
def volume(unavailable: Callable[[str], NoReturn]) -> Iterator[Path]:
    """The folder of the container's volume. PostgreSQL does not run as root, and its sockets have short paths."""
    try:
        postgres_binaries()
    except ServerMissing as missing:
        unavailable(str(missing))
    with TemporaryDirectory(prefix="xaccel-pg-", dir="/tmp") as folder:
        yield Path(folder)


def command(volume: Path, **more: str) -> tuple[list[str], dict[str, Any]]:
    """Return the entrypoint with this machine's folders, and its environment and user."""
    text = (ROOT / "deploy/images/postgres/entrypoint.sh").read_text()
    places = {
        "/usr/lib/postgresql/17/bin": str(postgres_binaries()),
        "/data/": f"{volume}/",
        "listen_addresses='*'": "listen_addresses=127.0.0.1",
        "directories=/tmp": f"directories={volume}",
    }
    values = {"POSTGRES_USER": "portal", "POSTGRES_DB": "portal", **more}
    values |= dict.fromkeys(("POSTGRES_PASSWORD", "POSTGRES_STANDBY_PASSWORD"), "secret")
    env = {"PATH": os.environ["PATH"], "PGPORT": str(free_port()), **values}
    return ["sh", "-c", replace_each(text, places)], {"env": env, **identity_of(volume)}


@pytest.mark.parametrize("role", [{}, {"POSTGRES_PRIMARY": "127.0.0.1"}], ids=["primary", "standby"])
def test_a_folder_with_files_of_others_stops_the_start(volume: Path, role: dict[str, str]) -> None:
    (volume / "17").mkdir()
    (volume / "17/letter.txt").write_text("mine")
    argv, options = command(volume, **role)
    os.chown(volume / "17", options.get("user", -1), -1)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)
    assert (done.returncode, "17 has files, but no cluster" in done.stderr) == (1, True)
    assert (volume / "17/letter.txt").read_text() == "mine"


def test_a_start_after_one_that_was_killed_makes_a_whole_cluster(volume: Path) -> None:
    (volume / "17.new").mkdir()
    (volume / "17.new/PG_VERSION").write_text("17\n")
    (volume / "17").mkdir()
    argv, options = command(volume)
    for path in volume.rglob("*"):
        os.chown(path, options.get("user", -1), -1)
    env = options.pop("env")

    def is_ready(_: int) -> bool:
        return says_ready(volume / "17/postmaster.pid")

    with running(argv, name="postgres", directory=volume, ready=is_ready, env=env, popen=options) as server:
        query = [
            str(postgres_binaries() / "psql"),
            "--host",
            "127.0.0.1",
            "--username",
            "portal",
            "--tuples-only",
        ]
        login = {**env, "PGPASSWORD": "secret"}
        query += ["--command", "SELECT current_database()"]
        done = subprocess.run(query, env=login, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "portal"
        server.signal(signal.SIGINT)
    assert {path.name for path in volume.glob("17*")} == {"17"}
