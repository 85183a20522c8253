"""`manage.py xaccel explain` finds the object of a recorded transfer by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from tests.audit.conftest import Log, decide, run
from xaccel.audit.models import Transfer

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_object_of_a_recorded_transfer_is_asked_for(settings: Any, log: Log, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"here")
    disk = {"type": "local", "root": str(tmp_path)}
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": {"disk": disk}}
    entry = log.line(origin="disk", why="origin_404")
    decide(entry)
    log.write(entry)
    printed = run("explain", entry["id"], "--log", str(log.path))
    assert "object: report.pdf of origin disk" in printed
    assert "storage: delivers" in printed


def test_what_is_not_recorded_is_asked_of_the_operator(tmp_path: Path) -> None:
    assert not Transfer.objects.exists()
    for transfer_id in ("019aae21-0000-7000-8000-000000000000", "not an id"):
        with pytest.raises(CommandError, match="the object of this transfer is not known"):
            run("explain", transfer_id, "--log", str(tmp_path / "none.log"))
