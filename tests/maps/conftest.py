"""The bench on both builds of NGINX: Debian's regular-expression library and that of the wheel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.maps.bench import Bench
    from xaccel_testing import Variant

BUILDS = ("deb", "wheel")


@pytest.fixture(scope="session", params=BUILDS)
def build(request: pytest.FixtureRequest, unavailable: Callable[[str], NoReturn]) -> Variant:
    """Each program: njs evaluates no map."""
    return _found(request.param, unavailable)


@pytest.fixture(scope="session")
def bench(build: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with _bench(build, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="session")
def benches(
    unavailable: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Bench]]:
    """The bench on each build: making the inputs of a model and their values takes longer than NGINX does."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_bench(_found(name, unavailable), tmp_path_factory)) for name in BUILDS
        }


@contextmanager
def _bench(build: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """All maps, and the chains of maps that the models look at."""
    from tests.maps.bench import map_bench, maps, running
    from tests.maps.chains import chains, secret

    http, locations = map_bench(maps())
    wanted = [*http, secret()], [*locations, *chains()]
    with running(tmp_path_factory.mktemp(build.name), build.binary, *wanted) as found:
        yield found


def _found(name: str, unavailable: Callable[[str], NoReturn]) -> Variant:
    from xaccel_testing import variants

    found = variants()[name]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    return found
