"""One NGINX with hostile backends for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.handoff.hostile import Hostile, hostile_server
from xaccel_testing import Variant


@pytest.fixture(scope="module")
def server(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_server(variant, tmp_path_factory.mktemp("hostile")) as running:
        yield running
