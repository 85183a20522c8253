"""The core alone: no server, no network, no AWS settings of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from xaccel import signing

settings.register_profile(
    "unit", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _nothing_resolved_yet() -> None:
    """Each test may have another environment, which an endpoint found by the test before knows nothing of."""
    signing._resolve.cache_clear()
    signing._endpoint.cache_clear()


@pytest.fixture(autouse=True)
def _no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """botocore finds neither a variable nor a file nor an instance role of this machine."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
