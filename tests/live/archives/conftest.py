from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.archives.scene import Scene, filled, scene
from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def archives(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("archives"), variant, s3) as running:
        yield filled(running)
