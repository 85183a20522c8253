"""DELIVERY = "stream" sends nothing outside development, and no file from outside of an origin's directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from xaccel.django import HandOffMiddleware, send_file
from xaccel_testing.django import Client

pytestmark = pytest.mark.django_db

PROGRAM = """
import asyncio, sys
import django
from django.conf import settings

root, when = sys.argv[1:]
settings.configure(
    DEBUG=when.startswith("debug"),
    SECRET_KEY="k" * 40,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["xaccel.django"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    XACCEL={
        "DELIVERY": "stream",
        "ORIGINS": {"disk": {"type": "local", "root": root}},
    },
)
django.setup()
if when == "debug alone":
    sys.modules["xaccel_testing"] = None
if when == "debug off later":
    settings.DEBUG = False
if when == "tests":
    from django.test.utils import setup_test_environment

    setup_test_environment()
from django.test import AsyncRequestFactory, RequestFactory

from xaccel.django import HandOffMiddleware, asend_file, download_authorized, send_file
from xaccel.errors import ConfigError

told = []
download_authorized.connect(lambda **given: told.append(given), weak=False)


def body(answer):
    return b"".join(answer).decode()


async def async_body(answer):
    return b"".join([chunk async for chunk in answer]).decode()


async def aview(request):
    return await asend_file(request, "a.txt")


async def asked():
    return await async_body(await HandOffMiddleware(aview)(AsyncRequestFactory().get("/")))


view = HandOffMiddleware(lambda request: send_file(request, "a.txt"))
for ask in (lambda: body(view(RequestFactory().get("/"))), lambda: asyncio.run(asked())):
    try:
        print(ask())
    except ConfigError as error:
        print(type(error).__name__, error)
print(len(told))
"""
REFUSAL = (
    "ConfigError XACCEL[\"DELIVERY\"]: 'stream' is for development, and DEBUG is off: each download would occupy a"
    " worker of the app. Remove DELIVERY, and let NGINX deliver: manage.py xaccel config writes its configuration."
)
MISSING = (
    "ConfigError XACCEL[\"DELIVERY\"]: 'stream' needs the package xaccel-testing, which sends the file, and it is not"
    " installed. On development machines, run `pip install ./xaccel/testing` in the folder that contains the"
    " clone of xaccel."
)


@pytest.mark.parametrize(
    ("when", "lines"),
    [
        ("debug alone", [MISSING, MISSING, "0"]),
        ("production", [REFUSAL, REFUSAL, "0"]),
        ("debug", ["the file", "the file", "2"]),
        ("debug off later", ["the file", "the file", "2"]),
        ("tests", ["the file", "the file", "2"]),
    ],
)
def test_stream_is_refused_without_debug_before_a_download_is_reported(
    tmp_path: Path, when: str, lines: list[str]
) -> None:
    (tmp_path / "a.txt").write_text("the file")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), when],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == lines


@pytest.fixture
def disk(site: Any, tmp_path: Path) -> Path:
    """The directory of an origin, with a folder of secrets beside it."""
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("a secret")
    root = tmp_path / "files"
    site(
        DELIVERY="stream",
        ORIGINS={"documents": {"type": "local", "root": str(root)}},
    )
    return root


def sent(key: str) -> tuple[int, bytes]:
    view = HandOffMiddleware(lambda request: send_file(request, key, origin="documents"))
    answer: Any = view(RequestFactory().get("/"))
    try:
        return answer.status_code, b"".join(answer)
    finally:
        answer.close()


def test_a_link_out_of_the_directory_is_not_found(disk: Path) -> None:
    (disk / "absolute").symlink_to("/etc/passwd")
    (disk / "relative").symlink_to("../secret/key")
    (disk / "folder").symlink_to("../secret")
    (disk / "chain").symlink_to("relative")
    (disk / "around").symlink_to("around")
    (disk / "beside").symlink_to("../files-of-others")
    (disk.parent / "files-of-others").write_text("a secret")
    for key in ("absolute", "relative", "folder/key", "chain", "around", "beside"):
        assert sent(key) == (404, b"Not found.\n"), key


def test_a_link_within_the_directory_is_followed_and_the_directory_may_be_one(disk: Path, site: Any) -> None:
    (disk / "versions/2").mkdir(parents=True)
    (disk / "versions/2/a.txt").write_text("version 2")
    (disk / "current").symlink_to("versions/2")
    (disk.parent / "link").symlink_to(disk)
    root = str(disk.parent / "link")
    site(ORIGINS={"documents": {"type": "local", "root": root}})
    assert sent("current/a.txt") == (200, b"version 2")


def test_no_file_stays_open(disk: Path) -> None:
    (disk / "a/b").mkdir(parents=True)
    (disk / "a/b/c.txt").write_text("c")
    before = len(os.listdir("/proc/self/fd"))
    for key in ("a/b/c.txt", "a/b/none", "a/none/c.txt", "a/b"):
        sent(key)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_test_client_follows_a_link_no_further(disk: Path, site: Any) -> None:
    """It sends through the same code where DELIVERY is "nginx"."""
    site(DELIVERY="nginx")
    (disk / "a.txt").symlink_to("../secret/key")
    assert Client().get("/key/?key=a.txt").status_code == 404
