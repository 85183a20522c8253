"""One S3 server, and the application of a test's folder behind NGINX."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from importlib import import_module
from typing import NoReturn

import pytest

from integrations.application import XACCEL, Running, Started, behind, start
from xaccel_testing import S3Server, s3_server, variants

SIZE = 20_000_000


def unavailable(reason: str) -> NoReturn:
    """End a test whose server is not here: skipped, or failed under XACCEL_REQUIRE_LIVE=1."""
    if os.environ.get("XACCEL_REQUIRE_LIVE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="package")
def started(
    request: pytest.FixtureRequest, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    """The application of the folder, with xaccel."""
    folder = tmp_path_factory.mktemp("application")
    file = folder / "file.bin"
    file.write_bytes(random.Random(1).randbytes(SIZE))
    name = request.path.parent.name
    application = import_module(f"integrations.{name}.application").APPLICATION
    with start(application, XACCEL, folder / name, s3=s3, file=file) as found:
        yield found


@pytest.fixture(scope="package", params=["deb-njs", "wheel"])
def site(request: pytest.FixtureRequest, started: Started) -> Iterator[Running]:
    """The application behind Debian's NGINX with njs, and behind NGINX of a wheel without."""
    variant = variants()[request.param]
    if variant.missing:
        unavailable(f"{variant.name}: {variant.missing}")
    with behind(started, variant) as running:
        yield running
