"""The example of a shipper, as it is: rsyslog on two machines and a collector, through rotation, restart and kill."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.audit.conftest import Log
from tests.audit.ingester import ROOT, environment, process
from xaccel.servers.ports import accepts, free_port
from xaccel.servers.processes import RunningServer, running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = ROOT / "examples" / "shipping"
WITHIN_S = 60


@pytest.fixture
def rsyslogd(unavailable: Callable[[str], NoReturn]) -> str:
    found = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None or not any(Path("/usr/lib").glob("*/rsyslog/omrelp.so")):
        unavailable("rsyslog with RELP is not installed: run scripts/system")
    return found


class Rsyslog:
    """One rsyslogd with a configuration of the examples, whose addresses and paths are those of the test."""

    def __init__(self, program: str, folder: Path, example: str, changes: dict[str, str]) -> None:
        self.program, self.folder = program, folder
        self.name = example.removesuffix(".conf")
        folder.mkdir()
        (folder / "spool").mkdir()
        text = (EXAMPLES / example).read_text()
        for old, new in {"/var/spool/rsyslog": str(folder / "spool"), **changes}.items():
            assert old in text, f"{example} has no {old!r} any more"
            text = text.replace(old, new)
        (folder / "rsyslog.conf").write_text(text)

    @contextmanager
    def run(self, port: int = 0) -> Iterator[RunningServer]:
        pid_file = self.folder / "pid"
        pid_file.unlink(missing_ok=True)
        arguments = ["-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(pid_file)]
        with running(
            [self.program, *arguments],
            name=self.name,
            directory=self.folder,
            ready=lambda _: pid_file.exists() and (not port or accepts(port)),
            env=environment(),
            stop_within_s=60,
        ) as server:
            yield server


class Machine(Rsyslog):
    """A machine with an NGINX's log and an rsyslog that ships it."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        changes = {
            "/var/log/xaccel/transfers.log": str(folder / "xaccel.log"),
            "collector.example": "127.0.0.1",
            '"2514"': f'"{port}"',
        }
        super().__init__(program, folder, "machine.conf", changes)
        self.log = Log(folder / "xaccel.log")
        self.lines: list[dict[str, Any]] = []

    def write(self, count: int, to: Path | None = None) -> None:
        for _ in range(count):
            at = len(self.lines)
            # one in ten is longer than what syslog takes in general
            etag = "größe\x7f ☃ " * 2000 if at % 10 == 9 else f"{self.folder.name} {at}"
            line = self.log.line(at, subject=f"{self.folder.name} {at}", etag=etag)
            self.lines.append(line)
            Log(to or self.log.path).write(line)


def taken() -> int:
    from xaccel.audit.models import Transfer

    return Transfer.objects.filter(ended_at__isnull=False).count()


def test_lines_of_two_machines_become_rows_once_each(rsyslogd: str, tmp_path: Path) -> None:
    from xaccel.audit.models import Garbage, Transfer

    port = free_port()
    machines = [Machine(rsyslogd, tmp_path / name, port) for name in ("one", "two")]
    changes = {'address="0.0.0.0" port="2514"': f'address="127.0.0.1" port="{port}"'}
    everything = tmp_path / "all.log"
    changes["/var/log/xaccel/all.log"] = str(everything)
    collector = Rsyslog(rsyslogd, tmp_path / "collector", "collector.conf", changes)

    def written() -> list[dict[str, Any]]:
        return [line for machine in machines for line in machine.lines]

    def arrived() -> bool:
        return taken() >= len(written())

    first, second = machines
    with ExitStack() as stack:
        following = process("--follow", "--quiet", str(everything))
        stack.callback(following.communicate)
        stack.callback(following.kill)
        stack.enter_context(first.run())
        with second.run() as shipper:
            with collector.run(port):
                first.write(40)
                second.write(40)
                assert wait_until(arrived, timeout_s=WITHIN_S)
            # the collector is away: a rotation, with lines that come late to the old file, and one machine dies
            first.write(20)
            rotated = first.log.path.with_name("xaccel.log.1")
            first.log.path.rename(rotated)
            first.write(5, to=rotated)
            first.write(20)
            second.write(20)
            shipper.signal(signal.SIGKILL)
        second.write(20)
        stack.enter_context(second.run())
        stack.enter_context(collector.run(port))
        first.write(20)
        second.write(20)
        assert wait_until(arrived, timeout_s=WITHIN_S), f"{taken()} of {len(written())} lines"
    stored = Transfer.objects.filter(ended_at__isnull=False).values_list("id", "subject", "details__etag")
    assert sorted((str(id_), subject, etag) for id_, subject, etag in stored) == sorted(
        (line["id"], line["subject"], line["etag"]) for line in written()
    )
    assert Garbage.objects.count() == 0
