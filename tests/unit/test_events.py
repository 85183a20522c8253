from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from xaccel.events import DownloadEvent, log_event


def event(*, allowed: bool) -> DownloadEvent:
    return DownloadEvent(
        transfer_id="0199-id",
        allowed=allowed,
        origin="docs",
        key="tenant/secret-plan.pdf",
        method="GET",
        subject="42",
        filename="secret-plan.pdf",
        as_attachment=True,
        reason="" if allowed else "no grant",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(("allowed", "word"), [(True, "authorized"), (False, "denied")])
def test_a_decision_is_one_line_and_carries_its_event(
    caplog: pytest.LogCaptureFixture, allowed: bool, word: str
) -> None:
    told = event(allowed=allowed)
    with caplog.at_level(logging.INFO, logger="xaccel"):
        log_event(told)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("xaccel", logging.INFO)
    assert record.getMessage() == f"download {word}: origin=docs id=0199-id subject='42'"
    assert record.__dict__["xaccel"] is told
