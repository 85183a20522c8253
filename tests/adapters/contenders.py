"""The contenders that run the table, one entry each; see tests/adapters/README.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.examples import node
from xaccel_testing.servers.app import Kind

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[[Path, Mapping[str, str]], AbstractContextManager[str]]
"""From a folder for its files and its environment to a running server's address, as NGINX's `server` takes it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """What meets the table.

    adds: headers, in small letters, that the framework puts on every answer. They reach the user on a 304 or 412 that
        the app answers itself; NGINX drops them of a hand-off.
    missing: says what it lacks here; None for nothing.
    """

    name: str
    start: Start
    adds: frozenset[str] = frozenset()
    missing: Callable[[], str | None] = lambda: None


def gunicorn(application: str, kind: Kind = "wsgi") -> Start:
    """`application` is "module:name" in tests/adapters/apps."""

    @contextmanager
    def start(folder: Path, env: Mapping[str, str]) -> Iterator[str]:
        from xaccel_testing import app_server

        name = f"tests.adapters.apps.{application}"
        with app_server(folder, name, env=env, cwd=ROOT, workers=1, kind=kind) as app:
            yield app.address

    return start


def program(*command: str) -> Start:
    """A program that listens on the Unix socket ADAPTERS_LISTEN; it runs in the root of this repository."""

    @contextmanager
    def start(folder: Path, env: Mapping[str, str]) -> Iterator[str]:
        from xaccel_testing.servers.processes import running

        socket_path = folder / "app.sock"
        with running(
            command,
            name="app",
            directory=folder,
            ready=lambda _: accepts(socket_path),
            env={**env, "ADAPTERS_LISTEN": str(socket_path)},
            cwd=ROOT,
        ):
            yield f"unix:{socket_path}"

    return start


def accepts(socket_path: Path) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(socket_path))
        except OSError:
            return False
    return True


REFERENCE = Contender("django", gunicorn("django_app:wsgi"))
NODE = Contender("node", program("node", "tests/adapters/apps/node_app.mjs"), missing=node.missing)
CONTENDERS = [
    Contender("django-async", gunicorn("django_app:asgi", "asgi")),
    Contender("flask", gunicorn("flask_app:app")),
    Contender("starlette", gunicorn("starlette_app:app", "asgi")),
    Contender("fastapi", gunicorn("fastapi_app:app", "asgi")),
    Contender("wsgi", gunicorn("wsgi_app:app")),
    Contender("asgi", gunicorn("asgi_app:app", "asgi")),
    Contender("aiohttp", gunicorn("aiohttp_app:app", "aiohttp")),
    Contender("drf", gunicorn("drf_app:app"), adds=frozenset({"allow", "vary"})),
    Contender("ninja", gunicorn("ninja_app:wsgi")),
    Contender("ninja-async", gunicorn("ninja_app:asgi", "asgi")),
    NODE,
]


def environment(site: Path, decisions: Path) -> dict[str, str]:
    """What every contender is started with."""
    return {
        "PATH": os.environ["PATH"],
        "ADAPTERS_SITE": str(site),
        "ADAPTERS_DECISIONS": str(decisions),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
