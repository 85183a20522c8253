from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.sidecar.sidecars import Apps, running_apps
from xaccel_testing import S3Server


@pytest.fixture(scope="session")
def apps(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apps]:
    with running_apps(s3, tmp_path_factory.mktemp("apps")) as found:
        yield found
