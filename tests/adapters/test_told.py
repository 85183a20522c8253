"""What an adapter tells and asks for, without a server: the log, the missing package, the event loop."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from xaccel.asgi import Downloads as OfAsgi
from xaccel.wsgi import Downloads as OfWsgi

pytestmark = pytest.mark.adapters

SITE = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {"disk": {"BACKEND": "xaccel.LocalOrigin", "OPTIONS": {"root": "/srv"}}},
}


def events(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.__dict__["xaccel"] for record in caplog.records if record.name == "xaccel"]


@pytest.mark.parametrize(
    ("given", "status", "reason"), [({}, "200 OK", ""), ({"If": 1}, "304", "304 by the app")]
)
def test_a_download_is_told_once(caplog: Any, given: dict[str, int], status: str, reason: str) -> None:
    environ = {"REQUEST_METHOD": "GET", **({"HTTP_IF_NONE_MATCH": '"v1"'} if given else {})}
    started: list[Any] = []
    with caplog.at_level(logging.INFO, "xaccel"):
        OfWsgi(SITE).send_file(environ, lambda *head: started.append(head), "a.pdf", etag="v1", subject="7")  # type: ignore[arg-type]
    [event] = events(caplog)
    assert started[0][0].startswith(status)
    assert (event.allowed, event.subject, event.reason) == (True, "7", reason)
    assert bool(event.transfer_id) is not bool(given)


def test_a_refusal_is_told_once(caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "xaccel"):
        OfWsgi(SITE).deny_download({"REQUEST_METHOD": "GET"}, lambda *_: None, subject="7", reason="embargo")  # type: ignore[arg-type]
    [event] = events(caplog)
    assert (event.allowed, event.subject, event.reason) == (False, "7", "embargo")


def test_a_coroutine_waits_for_credentials_in_a_thread(monkeypatch: Any) -> None:
    files, threads = OfAsgi(SITE), []
    monkeypatch.setattr(files.sender, "ready", lambda _: False)
    monkeypatch.setattr(files.sender, "prepare", lambda _: threads.append(threading.current_thread()))

    async def send(_: Any) -> None:
        return None

    asyncio.run(files.asend_file({"method": "GET", "headers": []}, send, "a.pdf"))
    assert threads
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("xaccel.flask", "flask"),
        ("xaccel.starlette", "starlette"),
        ("xaccel.django.rest_framework", "rest_framework"),
    ],
)
def test_without_its_package_an_adapter_names_it(module: str, package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None\nimport {module}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert f"ImportError: {module} needs" in done.stderr
