"""The bench on both builds of NGINX: Debian's regular-expression library and that of the wheel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.maps.bench import Bench
    from xaccel.testing import Variant


@pytest.fixture(scope="session", params=["deb", "wheel"])
def build(request: pytest.FixtureRequest, unavailable: Callable[[str], NoReturn]) -> Variant:
    """Each program: njs evaluates no map."""
    from xaccel.testing import variants

    found = variants()[request.param]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    return found


@pytest.fixture(scope="session")
def bench(build: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """All maps, and the chains of maps that the models look at."""
    from tests.maps.bench import map_bench, maps, running
    from tests.maps.chains import chains, secret

    http, locations = map_bench(maps())
    wanted = [*http, secret()], [*locations, *chains()]
    with running(tmp_path_factory.mktemp(build.name), build.binary, *wanted) as found:
        yield found
