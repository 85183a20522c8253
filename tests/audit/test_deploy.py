"""The files of `deploy/` as they are: systemd's own check of the units, and logrotate beside NGINX and `ingest`."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest
from django.core.management import load_command_class
from django.test import modify_settings

from tests.audit.conftest import ids
from tests.audit.ingester import ROOT, process
from tests.audit.live_site import BODY, Site, of_its_own
from xaccel.audit.models import Transfer
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DEPLOY = ROOT / "deploy"
UNITS = sorted(file for file in (DEPLOY / "systemd").iterdir() if file.is_file())
EXPOSED = {"xaccel-refresh.service": 2.3}
"""Of 10, by `systemd-analyze security`, as docs/operate/debian.md says: the other units have at most 1.4."""
PYTHON, LOG = "/srv/app/venv/bin/python", "/var/log/xaccel/transfers.log"
WORKER, GROUP = (
    ("www-data", "adm") if os.geteuid() == 0 else (getpwuid(os.geteuid())[0], getgrgid(os.getegid())[0])
)
"""The user of NGINX's workers, and the group of the log."""


def shipped(file: str, changes: dict[str, str]) -> str:
    """Return a file of `deploy/` with the test's paths and users."""
    text = (DEPLOY / file).read_text()
    for old, new in changes.items():
        assert old in text, f"{file} has no {old!r} any more"
        text = text.replace(old, new)
    return text


def program(name: str, unavailable: Callable[[str], NoReturn]) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    return found or unavailable(f"{name} is not installed: run scripts/system")


def arguments(unit: str, action: str) -> list[str]:
    """Return what a unit runs, behind `manage.py xaccel`."""
    [line] = [
        line for line in (DEPLOY / "systemd" / unit).read_text().splitlines() if line.startswith("ExecStart=")
    ]
    python, script, command, *found = line.removeprefix("ExecStart=").split()
    assert (python, script, command, found[0]) == (PYTHON, "manage.py", "xaccel", action)
    return found


def test_systemd_finds_nothing_wrong_with_the_units(
    unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    analyze = program("systemd-analyze", unavailable)
    for unit in UNITS:
        text = unit.read_text().replace(PYTHON, sys.executable)
        text = text.replace("/srv/app/venv/bin/gunicorn", sys.executable)
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        [analyze, "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def exposure(analyze: str, unit: Path) -> float:
    """Return how exposed a unit is, with the drop-ins beside it."""
    done = subprocess.run(
        [analyze, "security", "--offline=true", str(unit)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    [level] = re.findall(rf"Overall exposure level for {re.escape(unit.name)}: ([0-9.]+)", done.stdout)
    return float(level)


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS if unit.suffix == ".service"])
def test_a_unit_is_hardened(unit: str, unavailable: Callable[[str], NoReturn]) -> None:
    analyze = program("systemd-analyze", unavailable)
    assert exposure(analyze, DEPLOY / "systemd" / unit) <= EXPOSED.get(unit, 1.4)


def test_debians_nginx_is_hardened_by_the_drop_in(
    unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> None:
    analyze, debians = program("systemd-analyze", unavailable), Path("/usr/lib/systemd/system/nginx.service")
    if not debians.exists():
        unavailable("Debian's nginx is not installed: run scripts/system")
    unit = Path(shutil.copy(debians, tmp_path))
    before = exposure(analyze, unit)
    shutil.copytree(DEPLOY / "systemd/nginx.service.d", tmp_path / "nginx.service.d")
    assert exposure(analyze, unit) <= 2.8
    assert before > 9


def test_the_units_run_commands_that_exist() -> None:
    with modify_settings(INSTALLED_APPS={"append": "xaccel.django.uploads"}):
        parser = load_command_class("xaccel.django", "xaccel").create_parser("manage.py", "xaccel")
    for action in ("ingest", "refresh", "sweep"):
        parser.parse_args(arguments(f"xaccel-{action}.service", action))


def test_the_log_has_one_path_and_one_group_in_all_files() -> None:
    assert arguments("xaccel-ingest.service", "ingest")[-1] == LOG
    for log in (LOG, LOG.replace("transfers", "members")):
        assert f"f {log} 0640 www-data xaccel" in (DEPLOY / "tmpfiles.d/xaccel.conf").read_text()
    rotate = (DEPLOY / "logrotate.d/xaccel").read_text()
    assert rotate.splitlines()[1] == f"{Path(LOG).parent}/*.log {{"
    assert "create 0640 www-data xaccel\n" in rotate
    # `u` is a user, and a group with its name
    assert '\nu xaccel - "' in (DEPLOY / "sysusers.d/xaccel.conf").read_text()
    assert "SupplementaryGroups=xaccel\n" in (DEPLOY / "systemd/xaccel-ingest.service").read_text()


def entries(folder: Path) -> list[str]:
    """Return the ids of all entries, of rotated files too."""
    found = []
    for file in folder.iterdir():
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        # the last line has no end while it is written
        found += [json.loads(line)["id"] for line in text.split(b"\n")[:-1]]
    return sorted(found)


def rotation(top: Path, pid: Path, unavailable: Callable[[str], NoReturn]) -> tuple[Path, Callable[[], None]]:
    """Make a folder with a log, owned as on Debian. Return the log, and what rotates it now."""
    logrotate, tmpfiles = program("logrotate", unavailable), program("systemd-tmpfiles", unavailable)
    folder = str(Path(LOG).parent)
    log = top / "xaccel" / "transfers.log"
    owners = {folder: str(log.parent), "www-data xaccel": f"{WORKER} {GROUP}"}
    folder_owner = {"root xaccel": f"{getpwuid(os.geteuid())[0]} {GROUP}"}
    (top / "tmpfiles.conf").write_text(shipped("tmpfiles.d/xaccel.conf", {**owners, **folder_owner}))
    subprocess.run([tmpfiles, "--create", top / "tmpfiles.conf"], check=True, timeout=60)
    assert log.exists()
    (top / "logrotate.conf").write_text(shipped("logrotate.d/xaccel", {**owners, "/run/nginx.pid": str(pid)}))

    def rotate() -> None:
        command = [logrotate, "--force", "--state", top / "state", top / "logrotate.conf"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        found = log.stat()
        owner = getpwuid(found.st_uid)[0], getgrgid(found.st_gid)[0]
        assert (stat.S_IMODE(found.st_mode), *owner) == (0o640, WORKER, GROUP)

    return log, rotate


@pytest.mark.variants("deb-njs")
def test_a_rotation_loses_no_entry_and_ingest_reads_on(
    variant: Variant, unavailable: Callable[[str], NoReturn], settings: Any
) -> None:
    with ExitStack() as stack:
        # NGINX's workers must be able to enter it, and pytest's folders are for one user.
        top = Path(stack.enter_context(TemporaryDirectory()))
        top.chmod(0o755)
        nginx_folder = top / "nginx"
        nginx_folder.mkdir()
        log, rotate = rotation(top, nginx_folder / "nginx.pid", unavailable)
        site, settings.XACCEL = stack.enter_context(
            of_its_own(variant, nginx_folder, worker=WORKER, TRANSFER_LOG=str(log))
        )
        nginx_folder.chmod(0o755)
        site = replace(site, protocol="h1")
        following = process(*arguments("xaccel-ingest.service", "ingest")[1:-1], str(log))
        stack.callback(following.communicate)
        stack.callback(following.kill)

        def download(count: int) -> None:
            for _ in range(count):
                assert site.get("x") == BODY

        download(5)
        # What was rotated away before the first run of ingest is not read.
        assert wait_until(lambda: len(ids()) == 5, timeout_s=60)
        for _ in range(3):
            with site.begin("x") as under_way:
                rotate()
                assert under_way.until_end().body == BODY
            assert wait_until(lambda: _fills(site, log), timeout_s=60), site.nginx.error_log
            download(5)
        logs = {file.name for file in log.parent.iterdir()} - {"members.log"}  # empty, and not rotated
        assert logs == {"transfers.log", "transfers.log.1", "transfers.log.2.gz", "transfers.log.3.gz"}
        sent = handed_off()
        assert wait_until(lambda: entries(log.parent) == sent, timeout_s=60)
        assert wait_until(lambda: sorted(ids()) == sent, timeout_s=60), len(ids())
        assert following.poll() is None
        assert "Permission denied" not in site.nginx.error_log


def _fills(site: Site, log: Path) -> bool:
    """Download once more, until NGINX writes to the new file."""
    assert site.get("x") == BODY
    return log.exists() and log.stat().st_size > 0


def handed_off() -> list[str]:
    """Return the ids of all downloads, as the app recorded them."""
    return sorted(map(str, Transfer.objects.values_list("id", flat=True)))
