"""The fixtures of xaccel_testing.pytest_plugin, in a user's project with a pytest run of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.testing.asking import gone
from xaccel_testing import variants

SHOP = Path(__file__).parent / "shop"
APP = """
from xaccel import LocalOrigin, ObjectRef, Sender, Site
sender = Sender(Site(origins={"disk": LocalOrigin(root=ROOT)}, secrets=("s" * 32,)))

async def asgi(scope, receive, send):
    made = sender.hand_off(ObjectRef("disk", scope["path"].lstrip("/")))
    headers = [(name.lower().encode(), value.encode()) for name, value in made.headers]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
"""
TEST = """
import os
import urllib.request

def test_a_file_arrives(xaccel_stack):
    with urllib.request.urlopen(f"{xaccel_stack.url}/a.txt") as answer:
        assert answer.read() == b"from the disk"
    print("pids", *xaccel_stack.app.pids, *xaccel_stack.nginx.pids, *xaccel_stack.s3.pids)

def test_what_fails(xaccel_stack):
    assert False
"""
WITHOUT_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Importing the installed plugins takes half a second."""
PLUGIN = 'pytest_plugins = ["xaccel_testing.pytest_plugin"]\n'


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_", "AWS_", "PYTEST"))
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_helper_works_in_another_project(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    """With another NGINX than that of the next test, and njs."""
    variant = variants()["deb-njs"]
    if variant.missing:
        unavailable(f"{variant.name}: {variant.missing}")
    shutil.copytree(SHOP, tmp_path / "shop")
    django = ("-p", "pytest_django.plugin")
    done = run(tmp_path / "shop", *django, "-o", f"xaccel_nginx={variant.name}", **WITHOUT_PLUGINS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_a_project_without_django_names_its_site(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.txt").write_bytes(b"from the disk")
    (tmp_path / "shop_app.py").write_text(APP.replace("ROOT", repr(str(media))))
    (tmp_path / "site.toml").write_text(
        f'SECRET = "{"s" * 32}"\n[ORIGINS.disk]\ntype = "local"\nroot = "{media}"\n'
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nxaccel_application = shop_app:asgi\nxaccel_kind = asgi\nxaccel_site = site.toml\n"
    )
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_it.py").write_text(TEST)
    done = run(tmp_path, "-s", **WITHOUT_PLUGINS)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "NGINX's error log" in done.stdout
    assert "Listening at: http://127.0.0.1" in done.stdout, "the application's log stands under the failure"
    (found,) = re.findall(r"pids ([\d ]+)", done.stdout)
    pids = [int(word) for word in found.split()]
    assert len(pids) >= 4
    assert gone(pids)


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("", "xaccel_application: no application is named."),
        ("xaccel_application = shop_app:application\nxaccel_kind = cgi\n", "xaccel_kind: 'cgi' is no kind."),
        (
            "xaccel_application = shop_app:application\nxaccel_nginx = other\n",
            "xaccel_nginx: 'other' is not an NGINX.",
        ),
        ("xaccel_application = nowhere:application\n", "app: ended instead of starting."),
    ],
)
def test_a_missing_server_is_named(tmp_path: Path, ini: str, said: str) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_it.py").write_text(TEST)
    done = run(tmp_path, **WITHOUT_PLUGINS)
    assert done.returncode == 1
    assert said in done.stdout


def test_the_fixtures_need_their_option(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    done = run(tmp_path, "-p", "no:django")
    assert "fixture 'xaccel_stack' not found" in done.stdout
