"""The contest: one scene for the run, one set of NGINXs for each variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.adapters.scene import Contest
    from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def contest(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    from tests.adapters.scene import Contest, scene

    folder = tmp_path_factory.mktemp("adapters")
    with scene(folder, s3) as made:
        running = Contest(made, folder)
        try:
            yield running
        finally:
            running.close()


@pytest.fixture(scope="session")
def doors(contest: Contest, variant: Variant) -> Iterator[Variant]:
    """The NGINXs of one variant."""
    yield variant
    contest.close_doors()


@pytest.fixture(scope="session")
def some_variant(unavailable: Callable[[str], NoReturn]) -> Variant:
    """One NGINX that is here: what differs between them, the table shows."""
    from xaccel_testing import variants

    found = [each for each in variants().values() if not each.missing]
    if not found:
        unavailable("there is no NGINX: run scripts/system")
    return found[0]
