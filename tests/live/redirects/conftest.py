from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.redirects.scene import Scene, scene
from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def by_nginx(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("redirects")
    with scene(folder, variant, s3, site={"RESPONSE_HEADERS": ["X-Robots-Tag"]}) as running:
        yield running


@pytest.fixture
def redirects(by_nginx: Scene) -> Iterator[Scene]:
    yield by_nginx
    by_nginx.pages.clear()
