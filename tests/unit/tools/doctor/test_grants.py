"""The folders of grants that `nginx -T`, run by root, would give to NGINX's user before the doctor looks."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import pytest

from tests.servers.origin import Answer, Request, origin_server
from xaccel.errors import NginxError
from xaccel.site import Site
from xaccel.site.site import Grants
from xaccel.tools.doctor.grants import folders_of_grants_are_closed, revocations_reach_every_nginx
from xaccel.tools.doctor.running_site import Skipped
from xaccel.tools.nginx.grants import require_closed_folders
from xaccel.tools.nginx.processes import Account


@pytest.fixture
def in_memory() -> Iterator[Path]:
    folder = Path(mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def site(folder: Path, **more: Any) -> Site:
    grants = Grants(app="127.0.0.1:1", paths=("/files/",), folder=str(folder), **more)
    return Site(origins={}, secrets=("x" * 40,), grants=grants)


def test_a_folder_of_another_user_is_reported(in_memory: Path) -> None:
    folder = in_memory / "grants"
    folder.mkdir(mode=0o700)
    stack: Any = SimpleNamespace(site=site(folder), workers=Account(4711, 4711, ()))
    [evidence] = folders_of_grants_are_closed(stack)
    assert f"{folder} belongs to {folder.owner()}, and NGINX's workers are 4711" in evidence.text
    stack.workers, stack.pid_file = Account(os.geteuid(), 4711, ()), folder
    assert list(folders_of_grants_are_closed(stack)) == []


def test_an_nginx_that_is_not_listed_is_reported_on_its_machine_without_the_app(in_memory: Path) -> None:
    revoked = in_memory / "grants-revoked"
    revoked.mkdir()
    is_this_one = False

    def answer(request: Request) -> Answer:
        if is_this_one:
            (revoked / request.target.rpartition("/")[2]).touch()
        return Answer(body=b"revoked")

    with origin_server(answer) as server:
        made = site(in_memory / "grants", nginx=(server.url,))
        stack: Any = SimpleNamespace(site=made, nginx="nginx", has_app=False)
        [evidence] = revocations_reach_every_nginx(stack)
        assert "did not reach this machine's NGINX" in evidence.text
        assert "`nginx` of GRANTS" in evidence.remedy
        is_this_one = True
        assert list(revocations_reach_every_nginx(stack)) == []
    with pytest.raises(Skipped, match=f"^it did not reach {server.url} \\("):  # it may be this one
        list(revocations_reach_every_nginx(stack))
    stack.site = site(in_memory / "grants")  # without `nginx`, the only one is this one
    [evidence] = revocations_reach_every_nginx(stack)
    assert evidence.text.startswith("127.0.0.1:9399: ")
    stack.site, stack.has_app, stack.nginx = made, True, ""
    [evidence] = revocations_reach_every_nginx(stack)
    assert evidence.text.startswith(f"{server.url}: ")


def test_a_url_that_leads_to_several_nginx_by_turns_is_reported(in_memory: Path) -> None:
    revoked = in_memory / "grants-revoked"
    revoked.mkdir()
    turns = itertools.cycle((True, False))

    def answer(request: Request) -> Answer:
        if next(turns):
            (revoked / request.target.rpartition("/")[2]).touch()
        return Answer(body=b"revoked")

    with origin_server(answer) as server:
        made = site(in_memory / "grants", nginx=(server.url,))
        [evidence] = revocations_reach_every_nginx(_on(made))
    assert evidence.text == "3 of 6 revocations did not reach this machine's NGINX"
    assert "load balancer" in evidence.remedy


def _on(made: Site) -> Any:
    return SimpleNamespace(site=made, nginx="nginx", has_app=True)


@pytest.mark.parametrize(
    ("status", "tls", "remedy"), [(404, False, "has another secret"), (200, True, "update-ca-certificates")]
)
def test_the_reason_why_an_nginx_is_not_reached_decides_the_remedy(
    in_memory: Path, tmp_path: Path, status: int, tls: bool, remedy: str
) -> None:
    with origin_server(lambda _: Answer(status), tls_directory=tmp_path if tls else None) as server:
        [evidence] = revocations_reach_every_nginx(_on(site(in_memory / "grants", nginx=(server.url,))))
    assert remedy in evidence.remedy


def test_a_folder_on_a_disk_is_refused_and_one_that_nginx_will_create_is_not(
    in_memory: Path, tmp_path: Path
) -> None:
    require_closed_folders(site(in_memory / "grants"))
    for wrong in (tmp_path / "grants", in_memory / "missing" / "grants"):
        with pytest.raises(NginxError, match="is not in memory"):
            require_closed_folders(site(wrong))
    (in_memory / "grants").mkdir(mode=0o700)
    require_closed_folders(site(in_memory / "grants"))
    in_memory.chmod(0o1777)
    with pytest.raises(NginxError, match=f"all users share {in_memory}"):
        require_closed_folders(site(in_memory / "grants"))
    in_memory.chmod(0o777)  # the tmpfs of a container
    require_closed_folders(site(in_memory / "grants"))
    in_memory.chmod(0o700)
    (in_memory / "grants").chmod(0o750)
    with pytest.raises(NginxError, match=r"open to other users \(mode 750\). Run: chmod 700"):
        require_closed_folders(site(in_memory / "grants"))
