"""The files of `deploy/rsyslog/` as they are: two NGINX, each with an rsyslog that ships its log, and one collector."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid
from typing import Any, NoReturn

import pytest
import trustme
from django.db.models import Sum

from tests.audit.conftest import Log
from tests.audit.ingester import ROOT, environment, process
from tests.audit.live_site import BODY, Site, behind, in_front
from tests.json_lines import entries
from xaccel.audit.models import Download, RejectedLine, Transfer
from xaccel_testing import Variant
from xaccel_testing.servers.ports import accepts, free_port
from xaccel_testing.servers.processes import RunningServer, running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FILES = ROOT / "deploy" / "rsyslog"
WITHIN_S = 60
A_FEW = 25
"""More entries than RELP sends before it notices that the collector is away."""


@pytest.fixture
def rsyslogd(unavailable: Callable[[str], NoReturn]) -> str:
    found = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None or not any(Path("/usr/lib").glob("*/rsyslog/omrelp.so")):
        unavailable("rsyslog with RELP is not installed: run scripts/system")
    return found


@pytest.fixture
def logrotate(unavailable: Callable[[str], NoReturn], tmp_path: Path) -> Callable[[Path, int], None]:
    """Rotate the collector's folder, with the file of `deploy/`."""
    found = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        unavailable("logrotate is not installed: run scripts/system")

    def rotate(folder: Path, pid: int) -> None:
        text = (ROOT / "deploy/logrotate.d/xaccel-collect").read_text()
        owner = f"{getpwuid(os.geteuid())[0]} {getgrgid(os.getegid())[0]}"
        for old, new in {
            "/var/log/xaccel-collected": str(folder),
            "0640 xaccel xaccel": f"0640 {owner}",
            "systemctl kill --kill-whom=main --signal=HUP xaccel-collect.service": f"kill -HUP {pid}",
        }.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "logrotate.conf").write_text(text)
        command = [found, "--force", "--state", str(tmp_path / "state"), str(tmp_path / "logrotate.conf")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")

    return rotate


class Rsyslog:
    """One rsyslogd with a file of `deploy/`, whose addresses and paths are those of the test.

    As its unit does, each start empties its working directory.
    """

    def __init__(
        self, program: str, folder: Path, name: str, certificate: trustme.LeafCert, changes: dict[str, str]
    ) -> None:
        self.program, self.name, self.folder = program, name, folder
        folder.mkdir()
        (folder / "own.pem").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(folder / "own.key"))
        text = (FILES / f"{name}.conf").read_text()
        paths = {f"/run/xaccel-{name}": str(folder / "run"), "/etc/xaccel/tls/own": str(folder / "own")}
        for old, new in {**paths, **changes}.items():
            assert old in text, f"{name}.conf has no {old!r} any more"
            text = text.replace(old, new)
        (folder / "rsyslog.conf").write_text(text)

    @contextmanager
    def run(self, port: int = 0) -> Iterator[RunningServer]:
        work = self.folder / "run"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with running(
            [self.program, "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(work / "pid")],
            name=self.name,
            directory=self.folder,
            ready=lambda _: (work / "pid").exists() and (not port or accepts(port)),
            env=environment(),
            stop_within_s=60,
        ) as server:
            yield server


class Service:
    """An rsyslog that is stopped or killed, and started again."""

    def __init__(self, start: Callable[[], AbstractContextManager[RunningServer]]) -> None:
        self._start, self._open = start, ExitStack()

    def start(self) -> None:
        self.server = self._open.enter_context(self._start())

    def stop(self) -> None:
        self._open.close()

    def kill(self) -> None:
        self.server.signal(signal.SIGKILL)
        self.stop()


class Machine:
    """A machine with NGINX and a shipper."""

    def __init__(self, site: Site, shipper: Service) -> None:
        self.site, self.shipper = site, shipper
        self.log = site.nginx.directory / "xaccel.log"

    def download(self, count: int = A_FEW) -> None:
        for _ in range(count):
            assert self.site.get("x") == BODY

    def rotate(self) -> None:
        """Rename the log, with a download under way that still ends in the old file."""
        for number in (1, 0):
            old = self.log.with_name(f"{self.log.name}.{number}") if number else self.log
            if old.exists():
                old.rename(self.log.with_name(f"{self.log.name}.{number + 1}"))
        self.download(1)
        self.site.nginx.server.signal(signal.SIGUSR1)
        assert wait_until(self.log.exists, timeout_s=60)

    def ids(self) -> list[str]:
        files = self.log.parent.glob(f"{self.log.name}*")
        return [entry["id"] for file in files for entry in entries(file)]


@pytest.mark.variants("deb-njs")
def test_each_transfer_of_two_nginx_is_in_the_trail_once_whatever_is_killed(
    rsyslogd: str, logrotate: Callable[[Path, int], None], variant: Variant, tmp_path: Path, settings: Any
) -> None:
    port, authority = free_port(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    address = {'"2514"': f'"{port}"', "/etc/xaccel/tls/ca.pem": str(tmp_path / "ca.pem")}
    collected = tmp_path / "collected"
    collected.mkdir()
    everything = collected / "transfers.log"

    def machine(name: str) -> Machine:
        (tmp_path / name).mkdir()
        site = stack.enter_context(in_front(variant, tmp_path / name, settings.XACCEL, app))
        changes = {
            "/var/log/xaccel/transfers.log": str(tmp_path / name / "xaccel.log"),
            'target="collector.example"': 'target="127.0.0.1"',
            **address,
        }
        certificate = authority.issue_cert("nginx.example")
        rsyslog = Rsyslog(rsyslogd, tmp_path / f"{name}-ship", "ship", certificate, changes)
        found = Machine(replace(site, protocol="h1"), Service(rsyslog.run))
        stack.callback(found.shipper.stop)
        found.shipper.start()
        return found

    def arrived() -> bool:
        found = Transfer.objects.filter(ended_at__isnull=False).values_list("id", flat=True)
        return sorted(map(str, found)) == sorted(id_ for each in machines for id_ in each.ids())

    def all_arrive() -> None:
        assert wait_until(arrived, timeout_s=WITHIN_S)

    def download() -> None:
        for each in machines:
            each.download()

    with ExitStack() as stack:
        changes = {
            'address="0.0.0.0"': 'address="127.0.0.1"',
            "/var/log/xaccel-collected/transfers.log": str(everything),
            **address,
        }
        certificate = authority.issue_cert("collector.example")
        rsyslog = Rsyslog(rsyslogd, tmp_path / "collect", "collect", certificate, changes)
        collector = Service(lambda: rsyslog.run(port))
        stack.callback(collector.stop)
        collector.start()
        following = process("--follow", "--quiet", str(everything))
        stack.callback(following.communicate)
        stack.callback(following.kill)
        settings.XACCEL, app = stack.enter_context(behind())
        first, second = machines = [machine(name) for name in ("one", "two")]

        download()
        all_arrive()
        # The collector is killed while entries arrive.
        download()
        collector.kill()
        download()
        collector.start()
        all_arrive()
        # It is away. One shipper is stopped and one killed, with entries that they have sent and that nobody has.
        collector.kill()
        download()
        first.shipper.stop()
        second.shipper.kill()
        download()
        first.shipper.start()
        second.shipper.start()
        # A rotation, also while a shipper is away.
        first.rotate()
        second.shipper.stop()
        second.rotate()
        download()
        second.shipper.start()
        collector.start()
        all_arrive()
        logrotate(collected, collector.server.pid)
        download()
        all_arrive()
        transfers = Transfer.objects.count()
        assert transfers == len({id_ for each in machines for id_ in each.ids()})
        assert Download.objects.aggregate(sum=Sum("transfers"))["sum"] == transfers
        lines = sum(len(file.read_text().splitlines()) for file in collected.iterdir())
        assert len(list(collected.iterdir())) == 2
        assert lines > transfers
        # An entry may be longer than syslog's messages are in general.
        long = Log(first.log).line(subject="long", etag="größe\x7f ☃ " * 2000)
        Log(first.log).write(long)
        all_arrive()
        assert following.poll() is None
    assert Transfer.objects.get(subject="long").details["etag"] == long["etag"]
    assert RejectedLine.objects.count() == 0


def test_a_machine_without_a_certificate_of_the_authority_is_refused(rsyslogd: str, tmp_path: Path) -> None:
    port = free_port()
    collected = tmp_path / "all.log"
    log = tmp_path / "xaccel.log"
    log.write_text('{"v":1}\n')
    right, wrong = trustme.CA(), trustme.CA()
    right.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    address = {'"2514"': f'"{port}"', "/etc/xaccel/tls/ca.pem": str(tmp_path / "ca.pem")}
    local = {
        'address="0.0.0.0"': 'address="127.0.0.1"',
        "/var/log/xaccel-collected/transfers.log": str(collected),
    }
    sent = {
        "/var/log/xaccel/transfers.log": str(log),
        'target="collector.example"': 'target="127.0.0.1"',
        **address,
    }
    collector = Rsyslog(
        rsyslogd, tmp_path / "c", "collect", right.issue_cert("collector.example"), {**local, **address}
    )
    with collector.run(port):
        for authority, name in ((wrong, "nginx.example"), (right, "other.example")):
            stranger = Rsyslog(rsyslogd, tmp_path / name, "ship", authority.issue_cert(name), sent)
            with stranger.run() as server:
                assert wait_until(lambda server=server: "librelp error" in server.log, timeout_s=WITHIN_S)
        assert not collected.exists()
        friend = Rsyslog(rsyslogd, tmp_path / "friend", "ship", right.issue_cert("nginx.example"), sent)
        with friend.run():
            assert wait_until(collected.exists, timeout_s=WITHIN_S)
