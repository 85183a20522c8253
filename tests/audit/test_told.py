"""`ingest` dies between what it stored and sending its signals: each receiver gets them all the same, at least once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.conftest import Log, decide, take
from tests.audit.log_world import Killed, die
from xaccel.audit.models import Download, PendingSignal, Transfer
from xaccel.audit.signals import download_completed, transfer_completed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("dies_in", "received", "owed"),
    [
        ("xaccel.audit.ingest.ingest.Ingest._set_aside", 0, 0),
        ("xaccel.audit.ingest.ingest.deliver", 0, 2),
        ("", 1, 2),
        ("", 2, 2),
    ],
    ids=["before the commit", "after it", "in the first receiver", "in the last receiver"],
)
def test_each_signal_is_sent_at_least_once_wherever_ingest_dies(
    log: Log, monkeypatch: pytest.MonkeyPatch, dies_in: str, received: int, owed: int
) -> None:
    """What was received and not yet crossed off is sent twice."""
    told: list[Any] = []

    def receive(**named: Any) -> None:
        told.append(named.get("transfer", named.get("download")).pk)
        if len(told) == received:
            die()

    line = log.line()
    decide(line)
    signals = transfer_completed, download_completed
    for signal in signals:
        signal.connect(receive)
    try:
        with monkeypatch.context() as patch:
            if dies_in:
                patch.setattr(dies_in, die)
            with pytest.raises(Killed):
                take(log, line)
        assert PendingSignal.objects.count() == owed
        for _ in range(2):
            take(log)
            both = [Transfer.objects.get().pk, Download.objects.get().pk]
            assert told == [*both[:received], *both]
        assert not PendingSignal.objects.exists()
    finally:
        for signal in signals:
            assert signal.disconnect(receive)
