"""What all tests share: --slow, the NGINX variants, one S3 server, and what a missing server means.

Servers are imported where they are used: tests/unit and tests/django run where none is installed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from xaccel.testing import S3Server, Variant


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the long tests (marker slow)")


def pytest_configure(config: pytest.Config) -> None:
    # a run that is ended from outside stops its servers, as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # in the background of a shell it is ignored, and what tests start and interrupt would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    long = [item for item in items if item.get_closest_marker("slow")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Ends a test that needs a server which is not here: skipped, or failed under XACCEL_REQUIRE_LIVE=1."""

    def end(reason: str) -> NoReturn:
        if os.environ.get("XACCEL_REQUIRE_LIVE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return end


@pytest.fixture(scope="session", params=["deb", "deb-njs", "wheel", "wheel-njs"])
def variant(request: pytest.FixtureRequest, unavailable: Callable[[str], NoReturn]) -> Variant:
    """Each NGINX that a live test runs on."""
    from xaccel.testing import variants

    found = variants()[request.param]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    return found


@pytest.fixture(scope="session")
def s3(
    tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[S3Server]:
    """One S3 server for the whole run: take a bucket of your own."""
    from xaccel.testing import ServerMissing, s3_server

    try:
        started = s3_server(tmp_path_factory.mktemp("s3"))
        server = started.__enter__()
    except ServerMissing as missing:
        unavailable(str(missing))
    try:
        yield server
    finally:
        started.__exit__(None, None, None)
