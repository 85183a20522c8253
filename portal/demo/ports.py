"""The port of the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xaccel.errors import NginxError
from xaccel_testing import NginxServer, free_port, nginx_server
from xaccel_testing.servers.ports import is_free

USUAL = 8080
_ATTEMPTS = 5


@contextmanager
def serve_on(
    port: int | None, folder: Path, text: Callable[[int], str], binary: str
) -> Iterator[NginxServer]:
    """Run NGINX on `port`; None means the usual one, or one that is free.

    `text` returns the configuration for a port. Raises NginxError; without a fixed port, another program that takes the
    port first is no error.
    """
    server = None
    for attempt in range(1, _ATTEMPTS + 1):
        chosen = port or (USUAL if attempt == 1 and is_free(USUAL) else free_port())
        context = nginx_server(folder, text(chosen), binary=binary, ready_port=chosen)
        try:
            server = context.__enter__()
            break
        except NginxError as error:
            if port or attempt == _ATTEMPTS or "Address already in use" not in str(error):
                raise
    assert server is not None
    try:
        yield server
    finally:
        context.__exit__(None, None, None)
