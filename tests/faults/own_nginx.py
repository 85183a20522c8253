"""One more NGINX in front of the topology: a daemon, with a configuration that a test changes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.faults.topology import Topology, nginx_text
from xaccel_testing.servers.ports import accepts, free_port
from xaccel_testing.servers.processes import (
    alive,
    command_line,
    family,
    private_folder,
    wait_until,
    write_private,
)


@dataclass(frozen=True, slots=True)
class OwnNginx:
    """The running daemon."""

    folder: Path
    binary: str
    port: int

    @property
    def pid(self) -> int:
        """The master; 0 in the moment of an upgrade in which the file has another name."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.folder / "nginx.pid").read_text())
        return 0

    @property
    def pids(self) -> list[int]:
        """The master and its workers."""
        return family(self.pid) if self.pid else []

    @property
    def log(self) -> Path:
        return self.folder / "xaccel.log"

    @property
    def errors(self) -> str:
        return (self.folder / "error.log").read_text(errors="replace")

    def reload(self, text: str) -> None:
        """Load another configuration, and return when only new workers take requests."""
        write_private(self.folder / "nginx.conf", text)
        old = {*self.pids} - {self.pid}
        os.kill(self.pid, signal.SIGHUP)
        assert wait_until(
            lambda: all(not alive(pid) or "is shutting down" in command_line(pid) for pid in old),
            timeout_s=60,
        )

    def upgrade(self) -> None:
        """Start the program again in place, and let the old one finish its downloads (USR2, QUIT)."""
        old = self.pid
        os.kill(old, signal.SIGUSR2)
        assert wait_until(lambda: self.pid not in (0, old) and len(self.pids) > 1, timeout_s=60)
        os.kill(old, signal.SIGQUIT)


def daemon_text(
    running: Topology,
    settings: dict[str, Any],
    port: int,
    addresses: list[str],
    changes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the configuration of a daemon."""
    text = nginx_text(settings, running.variant, port, addresses)
    for old, new in {"daemon off;": "daemon on;", **changes}.items():
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def own_nginx(
    running: Topology, folder: Path, changes: Mapping[str, str] = MappingProxyType({}), *, app: str = ""
) -> Iterator[OwnNginx]:
    """Run it until the block ends; `changes` replace parts of the configuration, and `app` the topology's apps."""
    port = free_port()
    addresses = [app] if app else [part.now.address for part in running.apps]
    text = daemon_text(running, running.settings, port, addresses, changes)
    for path in (folder, folder / "tmp"):
        private_folder(path)
    write_private(folder / "nginx.conf", text)
    nginx = OwnNginx(folder, running.variant.binary, port)
    subprocess.run([nginx.binary, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"], check=True)
    assert wait_until(lambda: (folder / "nginx.pid").exists() and accepts(port), timeout_s=60)
    try:
        yield nginx
    finally:
        ending = (
            nginx.pids
        )  # a daemon's master leads a session with its workers, also with those that are draining
        for pid in ending:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        assert wait_until(lambda: not any(map(alive, ending)), timeout_s=60)
