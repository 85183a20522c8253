"""What `scripts/deploy` takes from pages and other modules exists. It needs no container, so each test run looks."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import changes, check, containers, debian, images, page
from tests.groups import ROOT

PROGRAMS = {
    f"{module.__name__}.{name}": text
    for module in (changes, check, containers, debian, images, page)
    for name, text in vars(module).items()
    if isinstance(text, str) and "\nimport " in f"\n{text}" and "{pk}" not in text
}
"""Programs that run in the containers."""
IMPORTS = (ast.Import, ast.ImportFrom)
WITH_DJANGO = "import django\ndjango.setup()\n"


def test_the_commands_of_the_page_about_containers_are_there(tmp_path: Path) -> None:
    commands = page.commands(tmp_path / "env", tmp_path / "secrets", "alone")
    for script in (*commands.start, commands.upload, *commands.cluster, *commands.doctors, commands.rotate):
        done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
    assert "upload_file" in commands.upload
    assert "createsuperuser --no-input" in commands.superuser
    assert len(commands.doctors) == 2


def test_a_page_without_a_command_is_an_error() -> None:
    with pytest.raises(containers.Failed, match=r"containers\.md has 0 blocks with 'no such command'"):
        page._block("no such command")


def test_the_commands_of_the_pages_about_debian_are_there() -> None:
    [(install, _), *_] = debian.upgrade_commands("xaccel-0.1.0-py3-none-any.whl")
    assert "'xaccel[s3] @ file:///src/dist/xaccel-0.1.0-py3-none-any.whl'" in install
    assert "deploy/debian/install app.example project.wsgi" in debian.commands("debian")[0][0]
    [(install, _), (start, _), *_] = debian.commands("several")
    assert "rsyslog" in install
    assert "xaccel-collect" in start


@pytest.mark.parametrize("name", [name for name in PROGRAMS if debian.__name__ not in name])
def test_a_program_for_a_container_imports_what_exists(name: str, tmp_path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(PROGRAMS[name])) if isinstance(node, IMPORTS)]
    program = WITH_DJANGO + "\n".join(ast.unparse(node) for node in imports)
    variables = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_SECRET_KEY": "only-in-this-test",
        "PORTAL_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr


@pytest.mark.parametrize("name", [name for name in PROGRAMS if debian.__name__ in name])
def test_a_program_for_debian_is_python(name: str) -> None:
    ast.parse(PROGRAMS[name])
