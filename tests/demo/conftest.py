"""The demo's servers, started in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from xaccel.testing import nginx_binaries

if TYPE_CHECKING:
    from portal.demo.stack import Stack

_LARGE_BYTES = 16 * 1024 * 1024


@contextmanager
def _environ_kept() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[Stack]:
    from portal.demo.stack import running_stack
    from xaccel.nginx import probe

    binary = next(iter(nginx_binaries().values()), None)
    if binary is None:
        unavailable("no NGINX is installed")
    folder = tmp_path_factory.mktemp("demo")
    with (
        _environ_kept(),
        running_stack(folder, binary, probe(binary), large_bytes=_LARGE_BYTES, with_probes=True) as started,
    ):
        yield started
