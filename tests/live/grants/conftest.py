from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.grants.scene import Scene, scene
from xaccel_testing import Variant


@pytest.fixture(scope="session")
def _grants(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("grants"), variant) as running:
        yield running


@pytest.fixture
def grants(_grants: Scene) -> Iterator[Scene]:
    yield _grants
    _grants.life, _grants.before = 60, lambda _: None
    _grants.pages.clear()
