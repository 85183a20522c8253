"""A real NGINX that runs out of one directory, as any user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import NginxError
from xaccel.servers.errors import ServerFailed
from xaccel.servers.files import private_folder, write_private
from xaccel.servers.ports import accepts
from xaccel.servers.process import RunningServer, running
from xaccel.servers.processes import alive, command_line, family, wait_until

CONFIG = "nginx.conf"
_DRAINING = "is shutting down"


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a log, up to the end of its last whole line."""

    inode: int = 0
    size: int = 0
    lines: tuple[dict[str, Any], ...] = ()


class NginxServer:
    """A running NGINX. `url` is its address without a final slash, `directory` its prefix."""

    def __init__(self, directory: Path, binary: str, port: int, line_log: str, server: RunningServer) -> None:
        self.directory = directory
        self.binary = binary
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._line_log = directory / line_log
        self._read = _Read()
        self._server = server

    @property
    def server(self) -> RunningServer:
        """The process, its log and its exit status."""
        return self._server

    @property
    def pid(self) -> int:
        """The master process."""
        return self._server.pid

    @property
    def pids(self) -> list[int]:
        """Master, workers and cache processes."""
        return self._server.pids

    @property
    def access_log(self) -> str:
        return _text(self.directory / "access.log")

    @property
    def error_log(self) -> str:
        """Everything NGINX said on standard error, and `error.log` if the configuration writes one."""
        return self._server.log + _text(self.directory / "error.log")

    def lines(self, at_least: int = 0, *, timeout_s: float = 5.0) -> list[dict[str, Any]]:
        """The JSON line log, parsed. Waits for `at_least` lines: NGINX writes a line after the client has its bytes.

        Raises TimeoutError with the lines there are.
        """
        if not wait_until(lambda: len(self._read_lines()) >= at_least, timeout_s=timeout_s):
            found = self._read_lines()
            raise TimeoutError(f"{len(found)} of {at_least} lines after {timeout_s} s: {found}")
        return list(self._read_lines())

    def reload(self, config_text: str, *, timeout_s: float = 10.0) -> None:
        """Put another configuration in force and return when only new workers take requests.

        Raises NginxError in NGINX's own words when it refuses the text; the old one then stays in force.
        Transfers that run go on in the old workers.
        """
        config = self.directory / CONFIG
        before = config.read_text()
        write_private(config, config_text)
        try:
            check_config(self.directory, self.binary)
        except NginxError:
            write_private(config, before)
            raise
        old = self._workers()
        self._server.signal(signal.SIGHUP)
        if not wait_until(lambda: self._replaced(old), timeout_s=timeout_s):
            raise _refused(self.error_log)

    def _replaced(self, old: set[int]) -> bool:
        gone = all(not alive(pid) or _DRAINING in command_line(pid) for pid in old)
        return gone and bool(self._workers() - old) and accepts(self.port)

    def _workers(self) -> set[int]:
        return {pid for pid in self.pids if "worker process" in command_line(pid)}

    def _read_lines(self) -> tuple[dict[str, Any], ...]:
        """Parse what is new since the last call, or all of a log that was replaced or cut."""
        try:
            with self._line_log.open("rb") as log:
                status = os.fstat(log.fileno())
                before = self._read
                if status.st_ino != before.inode or status.st_size < before.size:
                    before = _Read(status.st_ino)
                log.seek(before.size)
                text = log.read()
        except FileNotFoundError:
            return ()
        text = text[: text.rfind(b"\n") + 1]
        lines = tuple(json.loads(line.decode(errors="replace")) for line in text.splitlines())
        self._read = _Read(before.inode, before.size + len(text), before.lines + lines)
        return self._read.lines


@contextmanager
def nginx_server(
    directory: Path, config_text: str, *, binary: str, ready_port: int, line_log: str = "xaccel.log"
) -> Iterator[NginxServer]:
    """Run NGINX with `directory` as its prefix until the block ends.

    The text must say `daemon off`, `pid nginx.pid` and paths that are relative to the prefix, as
    `xaccel.nginx.standalone` prints them; `line_log` is the name of the JSON line log. It is ready when it has
    workers and takes connections on `ready_port`. Raises NginxError in NGINX's own words. Leaving cuts transfers.
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
            server = stack.enter_context(
                running(command, name="nginx", directory=directory, ready=ready, stop_within_s=3.0)
            )
        except ServerFailed as error:
            raise _refused(error.remedy) from error
        yield NginxServer(directory, binary, ready_port, line_log, server)


def check_config(directory: Path, binary: str) -> None:
    """`nginx -t` on the configuration in `directory`. Raises NginxError in NGINX's own words."""
    done = subprocess.run(
        [*_command(directory, binary), "-t"], capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode != 0:
        raise _refused(done.stderr)


def _command(directory: Path, binary: str) -> list[str]:
    return [binary, "-p", f"{directory}/", "-c", CONFIG, "-e", "stderr"]


def _refused(log: str) -> NginxError:
    lines = [line for line in log.splitlines() if "[emerg]" in line or "[alert]" in line] or log.splitlines()[
        -15:
    ]
    return NginxError(
        "NGINX did not take the configuration", where=CONFIG, remedy="\n".join(["It says:", *lines])
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except FileNotFoundError:
        return ""
