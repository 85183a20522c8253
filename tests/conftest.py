"""Options, a marker for each folder, the NGINX variants, one S3 server, and what a missing server means.

Servers are imported where they are used: tests/unit and tests/django run where none is installed.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from xaccel_testing import S3Server, Variant

FOLDER = Path(__file__).parent
VARIANTS = ("deb", "deb-njs", "wheel", "wheel-njs")
USUAL = ("deb-njs", "wheel")
"""The builds of a test that names none: each program, and njs on one. The NGINX configuration with njs differs only in
which headers and which responses of an origin reach the user, so tests of these are `on_all_builds`."""
on_all_builds = pytest.mark.variants(*VARIANTS)
on_one_build = pytest.mark.variants(USUAL[0])
"""For what an app or a browser does: what NGINX does with a hand-off, tests/live shows."""
OPEN_FILES = 20_000
KEEPS_FREED_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
"""For Debian's C library: the wheel's has no such setting. While NGINX reads a `map`, it has a megabyte of zeros.
If it is given back, the kernel clears pages for each one, which takes two thirds of the time of a start."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the long tests (marker slow)")
    parser.addoption(
        "--variant",
        action="append",
        choices=[*VARIANTS, "none"],
        help="run only what is on this NGINX; none: what is on no certain one. May be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    for folder in sorted(FOLDER.glob("*/")):
        config.addinivalue_line("markers", f"{folder.name}: what is in {FOLDER.name}/{folder.name}")
    config.addinivalue_line(
        "markers", f"variants(*names): the builds of NGINX that a test runs on, if not {' and '.join(USUAL)}"
    )
    os.environ.update(KEEPS_FREED_MEMORY)
    # hundreds of clients and their origins are in one process, and a shell's default is 1,024
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    # a run that is ended from outside stops its servers, as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # in the background of a shell it is ignored, and what tests start and interrupt would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the tests of the chosen builds only: making those of all takes each live group seconds."""
    own = any("variant" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "variant" in metafunc.fixturenames and not own:
        wanted: list[str] = metafunc.config.getoption("--variant") or []
        mark = metafunc.definition.get_closest_marker("variants")
        named = mark.args if mark else USUAL
        # one that is not wanted is left out by `pytest_collection_modifyitems`
        chosen = [name for name in named if name in wanted or not wanted] or named[:1]
        metafunc.parametrize("variant", chosen, indirect=True, scope="session")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test with its folder: `-m browser`."""
    if FOLDER in item.path.parents[1:]:
        item.add_marker(item.path.relative_to(FOLDER).parts[0])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted: list[str] = config.getoption("--variant") or [*VARIANTS, "none"]
    chosen = [
        item
        for item in items
        if _variant(item) in wanted
        and _is_there(item)
        and (config.getoption("--slow") or not item.get_closest_marker("slow"))
    ]
    kept = set(chosen)
    if left_out := [item for item in items if item not in kept]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def _is_there(item: pytest.Item) -> bool:
    """Whether a test, or a row of its table, runs on its build."""
    return all(_variant(item) in (*mark.args, "none") for mark in item.iter_markers("variants"))


def _variant(item: pytest.Item) -> str:
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    found = params.get("variant")
    return found if found in VARIANTS else "none"


@pytest.fixture(scope="session", autouse=True)
def _botocores_data_is_read_once() -> Iterator[None]:
    """Share botocore's data between its sessions: parsing it takes a client 0.1 s, and tests make hundreds."""
    from botocore import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(session.create_loader))
        yield


@pytest.fixture
def usual_malloc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start NGINX with the settings of production, to measure its memory."""
    for name in KEEPS_FREED_MEMORY:
        monkeypatch.delenv(name)


_ENDS_AT_ONCE = """
def worker_exit(server, worker):
    import atexit, sys
    ended = sys.exc_info()[1]
    # another status tells gunicorn to end too
    if isinstance(ended, SystemExit) and not ended.code:
        atexit._run_exitfuncs()
        print(end="", flush=True)
        os._exit(0)
"""


@pytest.fixture(scope="session", autouse=True)
def _a_worker_of_an_app_ends_without_freeing_its_modules() -> Iterator[None]:
    """Let Python end when the application has: freeing what it imported takes 0.15 s, and tests end hundreds."""
    from xaccel_testing.servers import app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "_CONFIG", app._CONFIG + _ENDS_AT_ONCE)
        yield


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Ends a test that needs a server which is not here: skipped, or failed under XACCEL_REQUIRE_LIVE=1."""

    def end(reason: str) -> NoReturn:
        if os.environ.get("XACCEL_REQUIRE_LIVE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return end


@pytest.fixture(scope="session")
def variant(request: pytest.FixtureRequest, unavailable: Callable[[str], NoReturn]) -> Variant:
    """Each NGINX that a live test runs on."""
    from xaccel_testing import variants

    found = variants()[request.param]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    return found


@pytest.fixture(scope="session")
def s3(
    tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Iterator[S3Server]:
    """One S3 server for the whole run: take a bucket of your own."""
    from tests.servers.started import started
    from xaccel_testing import s3_server

    with started(s3_server(tmp_path_factory.mktemp("s3")), unavailable) as server:
        yield server
