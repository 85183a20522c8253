"""Requirements of each adapter without a server: its package, and a thread to wait in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from xaccel.asgi import Downloads

SITE = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {"disk": {"type": "local", "root": "/srv"}},
}


def test_a_coroutine_waits_for_credentials_in_a_thread(monkeypatch: Any) -> None:
    files, threads = Downloads(SITE), []
    hand_off = files.sender.hand_off

    def noted(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return hand_off(*args, **options)

    monkeypatch.setattr(files.sender, "is_ready", lambda _: False)
    monkeypatch.setattr(files.sender, "hand_off", noted)

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
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert f"ImportError: {module} needs" in done.stderr
