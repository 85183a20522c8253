"""Whole generated sites: a change of the generator shows as a difference to be read, and NGINX accepts each of them."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import trustme

from tests.live.config import golden
from xaccel.tools.nginx.probe import call, probe
from xaccel_testing import variants

NAMES = [f"{kind}-{build}" for kind, build in golden.CASES]


@pytest.mark.parametrize(("kind", "build"), golden.CASES, ids=NAMES)
def test_what_is_generated_is_what_was_read_and_approved(kind: str, build: str) -> None:
    file = golden.file_of(kind, build)
    approved, now = (file.read_text() if file.exists() else ""), golden.generated(kind, build)
    difference = difflib.unified_diff(
        approved.splitlines(), now.splitlines(), f"tests/golden/{file.name}", "generated now", lineterm=""
    )
    if approved != now:
        pytest.fail("\n".join([*difference, "", "If it is meant: scripts/golden"]), pytrace=False)


def test_every_file_is_of_a_case() -> None:
    assert sorted(golden.FOLDER.glob("*.conf")) == sorted(golden.file_of(*case) for case in golden.CASES)


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that the texts name, but for modules."""
    folder = tmp_path_factory.mktemp("golden")
    for name in ("tmp", "modules", "media"):
        (folder / name).mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    client = authority.issue_cert("client.example")
    client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    client.private_key_pem.write_to_path(str(folder / "client.key"))
    return folder


@pytest.mark.parametrize(("kind", "build"), golden.CASES, ids=NAMES)
def test_nginx_takes_it_without_a_warning(
    kind: str, build: str, needed: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    program, _, module = build.partition("-")
    found = variants()[f"{program}-njs" if module == "njs" else program]
    if found.missing:
        unavailable(f"{build}: {found.missing}")
    modules = probe(found.binary).load_modules
    for wanted in golden.BUILDS[build].load_modules:
        path = next((path for path in modules if Path(path).name == Path(wanted).name), None)
        if path is None:
            unavailable(f"{build}: {Path(wanted).name} is not installed: run scripts/system")
        (needed / wanted).unlink(missing_ok=True)
        (needed / wanted).symlink_to(path)
    shutil.rmtree(needed / golden.XACCEL, ignore_errors=True)
    golden.unpack(kind, build, needed)
    tested = call([found.binary, "-p", f"{needed}/", "-c", "nginx.conf", "-e", "stderr", "-t"])
    assert (tested.returncode, "[warn]" in tested.stderr) == (0, False), tested.stderr
