from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.archives.hostile import Hostile, hostile_site
from tests.live.archives.scene import Scene, filled, scene
from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def archives(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("archives"), variant, s3) as running:
        yield filled(running)


@pytest.fixture(scope="module")
def hostile(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_site(variant, tmp_path_factory.mktemp("hostile")) as running:
        for origin in (running.app, running.own, running.others, running.elsewhere):
            origin.requests.clear()
        yield running
