"""The demo's servers, started in this process, and a folder that demos keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.demo.running import running_here
from xaccel_testing import nginx_binaries

if TYPE_CHECKING:
    from portal.demo.stack import Stack

_LARGE_BYTES = 16 * 1024 * 1024


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[Stack]:
    """One demo for all tests that leave it as it was."""
    binary = next(iter(nginx_binaries().values()), None)
    if binary is None:
        unavailable("no NGINX is installed")
    folder = tmp_path_factory.mktemp("demo")
    with running_here(folder, binary, large_bytes=_LARGE_BYTES) as started:
        yield started


@pytest.fixture(scope="package")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for demos, one after the other: the first one stores the samples."""
    return tmp_path_factory.mktemp("kept")
