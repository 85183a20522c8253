"""Causes that need no running site to be recognised."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xaccel.http_client.exchange import Exchange
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin
from xaccel.site.site import Archives, Grants
from xaccel.tools.doctor.configuration import nginx_has_the_settings
from xaccel.tools.doctor.download import _undelivered
from xaccel.tools.doctor.first_download import LoggedDownload
from xaccel.tools.doctor.location import remedy_for_unreached
from xaccel.tools.nginx.digest import digest
from xaccel_testing import free_port

SITE = Site(
    origins={name: LocalOrigin(root="/srv") for name in ("documents", "media")},
    secrets=("x" * 40,),
    archives=Archives(app="127.0.0.1:1"),
    grants=Grants(app="127.0.0.1:1", paths=("/files/",)),
)
SCRIPT = """
import subprocess, sys
from pathlib import Path
from xaccel.tools.doctor.configuration import mounted_files_are_the_present_ones
folder = Path(sys.argv[1])
file, place = folder / "secret", folder / "mounted"
for each in (file, place):
    each.touch()
subprocess.run(["mount", "--bind", file, place], check=True)
print(*mounted_files_are_the_present_ones(None))
(folder / "new").touch()
(folder / "new").rename(file)
print(*mounted_files_are_the_present_ones(None))
"""


@pytest.mark.parametrize(
    ("of_nginx", "missing"),
    [
        (replace(SITE, grants=None), "GRANTS"),
        (replace(SITE, origins={"documents": SITE.origins["documents"]}), "the origin media"),
    ],
)
def test_a_setting_that_only_the_app_has_is_named(of_nginx: Site, missing: str) -> None:
    running = re.fullmatch("(?P<digest>.*)", digest(of_nginx))
    stack: Any = SimpleNamespace(site=SITE, running=running, nginx="")
    [evidence] = nginx_has_the_settings(stack)
    assert evidence.text.endswith(f"NGINX has the same settings without {missing}")
    assert "write the same into both" in evidence.remedy
    stack.running = re.fullmatch("(?P<digest>.*)", "0" * 16)
    [evidence] = nginx_has_the_settings(stack)
    assert "without" not in evidence.text


def test_a_mounted_file_that_was_replaced_is_named(tmp_path: Path) -> None:
    options = "-m" if os.geteuid() == 0 else "-rm"
    command = ["unshare", options, sys.executable, "-c", SCRIPT, str(tmp_path)]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == ["", lines[1]]
    assert lines[1].startswith(f"{tmp_path}/mounted is mounted as a single file")


def test_an_app_that_this_machine_reaches_by_its_name_has_moved() -> None:
    name = socket.gethostname()
    with socket.create_server((socket.gethostbyname(name), 0)) as server:
        port = server.getsockname()[1]
        assert remedy_for_unreached(f"{name}:{port}") == "moved_app"
        assert remedy_for_unreached(f"{socket.gethostbyname(name)}:{port}") == ""
    assert remedy_for_unreached(f"{name}:{port}") == ""
    assert remedy_for_unreached(f"localhost:{free_port()}") == "this_machine"
    assert remedy_for_unreached("unix:/run/app.sock") == ""


def test_the_members_that_failed_are_named_with_what_to_do(tmp_path: Path) -> None:
    log, id_ = tmp_path / "members.log", "01a238b1-7a3b-7fa9-b968-000000000000"
    member = {"id": id_[:23], "member": "2", "origin": "documents", "range": "0-9/10", "origin_status": "412"}
    log.write_text(json.dumps(member) + "\n")
    reply = Exchange(method="GET", url="http://127.0.0.1/", sent=(), status=206)
    done = LoggedDownload(None, reply, {"id": id_, "origin": "archives", "why": "origin_cut"})
    for recorded, named in ((None, ""), (("documents", "docs/minutes.pdf"), ", docs/minutes.pdf,")):
        stack: Any = SimpleNamespace(
            logs=[tmp_path / "transfers.log", log],
            find_object=lambda *asked, found=recorded: found if asked == (id_, 2) else ("", "another"),
        )
        first, last = _undelivered(stack, done)
        assert first.text == f"member 2{named} of origin documents, bytes 0-9/10: status 412"
        assert "replaced" in first.remedy
        assert last.text.startswith("status 206, `why` is origin_cut.")
        assert last.remedy == first.remedy
