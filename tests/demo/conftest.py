"""The demo's servers, started in this process, and a folder that demos keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from xaccel.testing import nginx_binaries

if TYPE_CHECKING:
    from portal.demo.stack import Stack

_LARGE_BYTES = 16 * 1024 * 1024


@contextmanager
def _process_kept() -> Iterator[None]:
    """Undo what a demo changes in its process: here other tests follow."""
    environ, umask = dict(os.environ), os.umask(0o077)
    os.umask(umask)
    try:
        yield
    finally:
        os.umask(umask)
        os.environ.clear()
        os.environ.update(environ)


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[Stack]:
    """One demo for all tests that leave it as it was."""
    from portal.demo.stack import running_stack
    from xaccel.nginx import probe

    binary = next(iter(nginx_binaries().values()), None)
    if binary is None:
        unavailable("no NGINX is installed")
    folder = tmp_path_factory.mktemp("demo")
    running = running_stack(folder, binary, probe(binary), large_bytes=_LARGE_BYTES, with_probes=True)
    with ExitStack() as exits:
        with _process_kept():
            started = exits.enter_context(running)
        yield started


@pytest.fixture(scope="package")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for demos, one after the other: the first one stores the samples."""
    return tmp_path_factory.mktemp("kept")
