"""One S3 server and one app for the run, one NGINX for each test."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doctor import stage as stages
from tests.doctor.stage import BODY, KEY, SECRET, Backends, Stage, s3_origin, stage
from tests.live.conftest import running_app
from xaccel.tools.cli import nginx_arguments
from xaccel.tools.doctor import running_site

if TYPE_CHECKING:
    from xaccel_testing import S3Server, Variant


@pytest.fixture(scope="session")
def backends(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    folder, bucket = tmp_path_factory.mktemp("doctor-app"), f"doctor-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    s3.put(bucket, KEY, BODY, "text/plain")
    made = Backends(s3, bucket, None, folder)  # type: ignore[arg-type]
    media = {"type": "local", "root": "/srv"}  # only NGINX looks there
    settings = {
        "SECRET": SECRET,
        "ORIGINS": {"documents": s3_origin(made), "media": media},
        "CACHE": {"path": "cache"},
        "ARCHIVES": {"app": "127.0.0.1:1", "layouts": str(folder / "layouts")},
    }
    with running_app(folder, settings) as app:
        made.app = app
        yield made


@pytest.fixture(scope="session", autouse=True)
def _programs_are_asked_once() -> Iterator[None]:
    """Run `nginx -V` once for each NGINX: each test would run it six times."""
    with pytest.MonkeyPatch.context() as patch:
        probe = cache(running_site.probe)
        for module in (running_site, nginx_arguments, stages):
            patch.setattr(module, "probe", probe)
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """Write files of NGINX without fsync, a third of a second a test: tests/unit/tools/nginx/test_switch.py has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def healthy(variant: Variant, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        with stage(folder, variant, backends) as made:
            yield made
