from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.live.grants.scene import Scene, fill_bucket, scene
from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def _grants(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    bucket = f"grants-{secrets.token_hex(4)}"
    fill_bucket(s3, bucket)
    origins = {"bucket": s3.origin(bucket)}
    with scene(tmp_path_factory.mktemp("grants"), variant, origins=origins) as running:
        yield running


@pytest.fixture
def grants(_grants: Scene) -> Iterator[Scene]:
    yield _grants
    _grants.life, _grants.before = 300, lambda _: None
    _grants.pages.clear()
