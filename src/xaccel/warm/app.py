"""The app's side: a Unix socket on which NGINX finds the hand-offs of the running command, each once."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

from xaccel.errors import CacheError
from xaccel.handoff.builder import HandOff
from xaccel.nginx.warm_server import APP_SOCKET

_BITS_OF_OTHERS = 0o027
"""Written by the group, or entered by anybody: the sockets themselves keep nobody away."""


class App:
    """What NGINX may fetch just now."""

    def __init__(self) -> None:
        self._offered: dict[str, HandOff] = {}

    def offer(self, hand_off: HandOff) -> str:
        """Return the path at which NGINX finds `hand_off` once; nobody can guess it."""
        path = f"/{secrets.token_urlsafe(32)}"
        self._offered[path] = hand_off
        return path

    def take(self, path: str) -> HandOff | None:
        """Return what was offered there, if it is still."""
        return self._offered.pop(path, None)


@contextmanager
def running_app(directory: Path) -> Iterator[App]:
    """Answer NGINX in `directory` until the block ends.

    Raises CacheError where the directory is not there, others may enter it, this user may not write there, or another
    command runs.
    """
    app, path = App(), directory / APP_SOCKET
    with _alone(directory):
        path.unlink(missing_ok=True)
        try:
            server = _Server(str(path), _Handler)
        except OSError as error:
            raise _refused(directory, f"no socket can be made in it ({error.strerror or error})") from error
        server.app = app
        path.chmod(0o666)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield app
        finally:
            server.shutdown()
            server.server_close()
            path.unlink(missing_ok=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold a lock on the directory: it goes with the process, also when that is killed."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _refused(directory, f"it cannot be entered ({error.strerror})") from error
    try:
        found = os.fstat(handle)
        if found.st_mode & _BITS_OF_OTHERS or found.st_uid not in (0, os.geteuid()):
            raise _refused(directory, "others may enter it or write there")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CacheError(
                "another `xaccel warm` is running", where=str(directory), remedy="Wait until it ends."
            ) from error
        yield
    finally:
        os.close(handle)


def _refused(directory: Path, what: str) -> CacheError:
    return CacheError(
        what,
        where=str(directory),
        remedy="Make it with: install -d -o root -g www-data -m 0710, and the group of NGINX's workers; run the command"
        " as root.",
    )


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    app: App

    def handle_error(self, request: Any, client_address: Any) -> None:
        """NGINX leaving in the middle shows in the answer to the request that it was about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        hand_off = self.server.app.take(self.path)
        self.send_response_only(404 if hand_off is None else hand_off.status)
        for name, value in () if hand_off is None else hand_off.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing is logged: a path is a key while it waits."""
