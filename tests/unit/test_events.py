from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from xaccel.decisions import log_event
from xaccel.events import DeniedRecord, DownloadEvent, denied


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


@pytest.mark.parametrize(
    ("allowed", "level", "text"),
    [
        (True, logging.INFO, "download authorized: origin=docs id=0199-id subject='42'"),
        (
            False,
            logging.WARNING,
            "download denied: origin='docs' key='tenant/secret-plan.pdf' subject='42' reason='no grant'",
        ),
    ],
)
def test_a_decision_is_one_line_and_carries_its_event(
    caplog: pytest.LogCaptureFixture, allowed: bool, level: int, text: str
) -> None:
    told = event(allowed=allowed)
    with caplog.at_level(logging.INFO, logger="xaccel"):
        log_event(told)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("xaccel", level)
    assert record.getMessage() == text
    assert record.__dict__["xaccel"] is told


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({}, "download denied: deny_download got no key, subject or reason"),
        ({"reason": "no grant"}, "download denied: reason='no grant'"),
        ({"key": "a", "bucket": "b"}, "download denied: key='b/a'"),
    ],
)
def test_a_denial_names_only_what_the_app_gave(
    caplog: pytest.LogCaptureFixture, record: DeniedRecord, text: str
) -> None:
    log_event(denied("GET", **record))
    assert caplog.messages == [text]


def test_a_refusal_is_always_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log_event(denied("GET", origin="do\ncs", key="a\nb", subject="4\n2", reason="no\ngrant"))
    assert "\n" not in caplog.records[0].getMessage()
