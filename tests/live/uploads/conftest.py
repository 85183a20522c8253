from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.uploads.scene import Scene, scene
from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def flask_site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(
        tmp_path_factory.mktemp("uploads"), variant, s3, adapter="flask", LOG_DECISIONS=True
    ) as running:
        yield running


@pytest.fixture(scope="session")
def django_site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    uploads = {"resumable": "draft-15", "part_size": "5m"}
    with scene(tmp_path_factory.mktemp("uploads"), variant, s3, uploads=uploads) as running:
        yield running
