"""From a log to rows, through whatever happens to logs: no line lost, none doubled, nothing fatal."""

from __future__ import annotations

import gc
import json
import secrets
import tracemalloc
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit.conftest import ODD_TEXT, Log, decide, ids, ingested, some, swept, take, wanted
from xaccel.audit.ingest.ingest import Ingest, send_signals
from xaccel.audit.models import Download, PendingSignal, RejectedLine, Transfer
from xaccel.audit.settings import audit_settings
from xaccel.audit.signals import download_completed, transfer_completed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_line_completes_the_row_of_its_decision(log: Log) -> None:
    line = log.part(10, 30, 100, encoding="gzip", cache="HIT", why="", origin_status="206", seconds=0.25)
    decide(line, key="größe/☃.pdf", filename="Größe.pdf")
    assert take(log, line)["lines"] == 1
    row = Transfer.objects.get()
    assert (row.outcome, row.key, row.filename, row.as_attachment) == (
        "sent",
        "größe/☃.pdf",
        "Größe.pdf",
        True,
    )
    assert (row.status, row.first, row.sent, row.total, row.ip) == (206, 10, 20, 100, "192.0.2.7")
    assert row.details == {
        "protocol": "HTTP/1.1",
        "sent_length": 20,
        "completion": "OK",
        "asked_range": "bytes=10-29",
        "content_range": "bytes 10-29/100",
        "etag": '"v1"',
        "framing": "length",
        "encoding": "gzip",
        "origin_status": 206,
        "origin_seconds": 0.01,
        "cache": "HIT",
    }
    assert (row.ended_at - row.started_at).total_seconds() == 0.25


def test_a_half_written_line_waits_for_its_end(log: Log) -> None:
    line = log.line()
    text = json.dumps(line).encode() + b"\n"
    counted = take(log, text[:100])
    assert (counted["lines"], counted["rejected"]) == (0, 0)
    assert take(log, text[100:])["lines"] == 1
    assert ids() == wanted(line)


ID = b'"id": "0190163d-8694-739b-aea5-966c26f8ad91"'


@pytest.mark.parametrize(
    "text",
    [
        b"not json\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b'{"id": "x", "status": "200", "end": 1}\n',
        b"{" + ID + b', "status": "200", "end": 1e300}\n',
        b"{" + ID + b', "status": "200", "end": 1, "body_bytes": 1e99}\n',
        b"{" + ID + b', "status": "200", "end": 1, "body_bytes": 9999999999999999999}\n',
        b"{" + ID + b', "status": "", "end": 1}\n',
        b"{" + ID + b', "status": "9999999999", "end": 1}\n',
        b"{" + ID + b', "status": "200", "end": 1, "origin_status": "9999999999"}\n',
        b"{" + ID + b', "status": "200", "end": 1, "ip": "nowhere"}\n',
        b"{" + ID + b', "status": "200", "end": -62135596000.0}\n',
        b"{" + ID + b', "status": "200", "end": 0.5, "seconds": 1.0}\n',
        b"{" + ID + b', "status": "200", "end": 1, "body_bytes": 9007199254740993}\n',
        b"{" + ID + b', "status": "200", "end": 1, "sent_length": "9223372036854775808"}\n',
        b'{"v":1,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n",
        b'{"status": "200", ' + ID + b"}\n",
        b"x" * 2_500_000 + b"\n",
    ],
)
def test_a_line_that_is_no_entry_is_rejected_and_never_fatal(log: Log, text: bytes) -> None:
    before, after = log.line(), log.line()
    counted = take(log, before, text, after)
    assert (counted["lines"], counted["rejected"]) == (2, 1)
    kept = RejectedLine.objects.get()
    assert bytes(kept.text) == text.rstrip(b"\n")[:4096]
    assert kept.reason
    assert kept.path == str(log.path)
    assert ids() == wanted(before, after)


def test_what_an_origin_or_a_shipper_may_write_is_stored(log: Log) -> None:
    large = "bytes 9999999999999999980-9999999999999999989/*"
    log.write(
        log.line(0, status="206", content_range=large, sent_length="10", body_bytes=10),
        log.line(1, ip="fe80::1%eth0"),
    )
    counted = take(log)
    assert (counted["lines"], counted["rejected"]) == (2, 0)
    found = list(
        Transfer.objects.order_by("ended_at").values_list("outcome", "first", "details__content_range", "ip")
    )
    assert found[0][:3] == ("inexact", None, large)
    assert found[1][3] == "fe80::1"


def test_texts_that_no_index_holds_are_cut_and_known_by_their_digest(log: Log) -> None:
    one, other = secrets.token_urlsafe(3000), secrets.token_urlsafe(3000)
    texts = [one, other, one[:2000] + other, one]
    counted = take(log, *[log.line(at, origin=text, subject=text) for at, text in enumerate(texts)])
    assert (counted["lines"], counted["rejected"]) == (4, 0)
    kept = [f"{text[:1000]}…{sha256(text.encode()).hexdigest()[:32]}" for text in texts]
    names = ("origin", "subject")
    assert list(Transfer.objects.order_by("ended_at").values_list(*names)) == [(text,) * 2 for text in kept]


def test_a_line_without_a_decision_belongs_to_no_download_and_is_told_once(log: Log) -> None:
    told: list[tuple[str, bool]] = []

    def tell(sender: Any, transfer: Any, **_: Any) -> None:
        told.append((transfer.key, transfer.decided_at is None))

    transfer_completed.connect(tell, sender=Transfer)
    try:
        take(log, log.line(note="WzEsMV0"))
        take(log)
    finally:
        transfer_completed.disconnect(tell, sender=Transfer)
    row = Transfer.objects.get()
    assert (row.outcome, row.key, row.body_bytes, row.version) == ("sent", "", 100, '"v1"')
    assert (row.decided_at, row.download) == (None, None)
    assert Download.objects.count() == 0
    assert told == [("", True)]


def test_a_line_twice_counts_once(log: Log) -> None:
    line = log.line()
    decide(line)
    assert take(log, line, line)["duplicates"] == 1
    assert take(log, {**line, "body_bytes": 5})["duplicates"] == 1
    (found,) = Download.objects.all()
    assert (found.transfers, found.given_bytes) == (1, 100)


@pytest.mark.parametrize("batches", [1, 2])
def test_a_forged_line_does_not_stand_in_the_way_of_the_transfers_own(log: Log, batches: int) -> None:
    line = log.line()
    forged = log.line(-1, id=line["id"], status="404", body_bytes=0, why="forged", note="forged", subject="8")
    decide(line, key="a")
    log.write(forged)
    if batches == 2:
        take(log)
    take(log, line, forged)
    row = Transfer.objects.get()
    assert (row.outcome, row.key, row.subject, row.why, row.body_bytes) == ("sent", "a", "7", "", 100)
    assert row.download == Download.objects.get()


def test_a_second_ingester_of_the_same_log_changes_nothing(log: Log) -> None:
    log.write(*some(log))
    one, other = (Ingest(log.path, audit_settings(), using="default") for _ in range(2))
    (found,) = one._files
    assert other.ingest_available()
    one._read(found)
    found.close()
    assert one.counted["lines"] == 0
    assert len(ids()) == 3


def test_a_receiver_is_told_after_the_rows_are_stored_and_again_if_it_failed(log: Log) -> None:
    told: list[tuple[str, Any]] = []
    fail = [True]

    def on_transfer(sender: Any, *, transfer: Any, **_: Any) -> None:
        if fail[0]:
            raise RuntimeError("not today")
        told.append(("transfer", transfer.pk))

    def on_download(sender: Any, *, download: Any, **_: Any) -> None:
        assert download.sent_complete
        told.append(("download", download.pk))

    transfer_completed.connect(on_transfer)
    download_completed.connect(on_download)
    try:
        line = log.line()
        ingested(log, line)
        assert told == [("download", Download.objects.get().pk)]
        assert [row.transfer for row in PendingSignal.objects.all()] == [Transfer.objects.get().pk]
        fail[0] = False
        take(log)
        assert sorted(told, key=str) == sorted(
            [("download", Download.objects.get().pk), ("transfer", Transfer.objects.get().pk)], key=str
        )
        assert PendingSignal.objects.count() == 0
    finally:
        transfer_completed.disconnect(on_transfer)
        download_completed.disconnect(on_download)


@pytest.mark.parametrize(("retry_s", "attempts"), [(3600.0, [1, 1, 1, 1]), (0.0, [4, 3, 2, 1])])
def test_a_failed_signal_is_sent_again_after_a_time_and_not_after_a_batch(
    log: Log, monkeypatch: Any, retry_s: float, attempts: list[int]
) -> None:
    calls: list[str] = []

    def fail(*, transfer: Any, **_: Any) -> None:
        calls.append(str(transfer.pk))
        raise RuntimeError("not today")

    monkeypatch.setattr("xaccel.audit.ingest.ingest.RETRY_S", retry_s)
    monkeypatch.setattr("xaccel.audit.ingest.ingest.BATCH", 3)
    lines = some(log, 12)
    log.write(*lines)
    transfer_completed.connect(fail)
    try:
        assert Ingest(log.path, audit_settings(), using="default").ingest_available()
    finally:
        transfer_completed.disconnect(fail)
    assert [calls.count(line["id"]) for line in lines[::3]] == attempts


def test_a_batch_has_a_bounded_number_of_bytes(log: Log) -> None:
    log.write(*[b"x" * 900_000 + b"\n" for _ in range(100)])
    tracemalloc.start()
    try:
        assert take(log)["rejected"] == 100
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_text_in_a_log_entry_is_a_row_or_a_rejected_line(log: Log, data: st.DataObject) -> None:
    line = log.line()
    texts = [name for name, value in line.items() if isinstance(value, str) and name != "id"]
    odd = {name: data.draw(ODD_TEXT, label=name) for name in data.draw(st.sets(st.sampled_from(texts)))}
    following = log.line()
    counted = take(log, {**line, **odd}, following)
    assert (counted["lines"] + counted["rejected"], following["id"] in ids()) == (2, True)


LOOKS_LIKE_SYNTAX = [
    "None",
    "\\N",
    "\\",
    "\\.",
    "a\tb",
    "a\r\nb",
    "\x1e\x1f",
    " a ",
    "",
    "'\"",
    "[1]",
    "\u2028\x85\x7f",
]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.sampled_from(LOOKS_LIKE_SYNTAX) | st.text(max_size=9), min_size=1, max_size=4), st.booleans()
)
def test_each_text_is_stored_as_it_is(log: Log, texts: list[str], decided: bool) -> None:
    """NUL is replaced, which PostgreSQL cannot store."""
    lines = [log.line(at, subject=text, etag=text, range=text) for at, text in enumerate(texts)]
    wanted = [text.replace("\0", "\ufffd") for text in texts]
    for line, text in zip(lines, wanted, strict=True):
        if decided:
            decide(line, f"k{text}", subject=text, client=text, version=text)
    assert take(log, *lines)["lines"] == len(lines)
    for line, text in zip(lines, wanted, strict=True):
        row = Transfer.objects.get(pk=line["id"])
        assert (row.subject, row.details.get("etag", ""), row.details.get("asked_range", "")) == (text,) * 3
        assert (row.key, row.client) == ((f"k{text}", text) if decided else ("", ""))
        if row.download:
            assert (row.download.subject, row.download.client, row.download.key) == (text, text, f"k{text}")


def test_nothing_is_written_down_where_nobody_listens(log: Log, django_assert_num_queries: Any) -> None:
    take(log, log.line())
    assert PendingSignal.objects.count() == 0


def test_a_line_that_never_came_is_unknown_and_one_that_comes_late_still_counts(log: Log) -> None:
    line, denied = log.line(), log.line()
    decide(line)
    decide(denied, outcome="denied")
    now = datetime.now(UTC)
    assert swept(now) == 1
    assert {row.outcome for row in Transfer.objects.all()} == {"unknown", "denied"}
    take(log, line)
    assert Transfer.objects.get(pk=line["id"]).outcome == "sent"
    assert swept(now) == 0
    assert Download.objects.get().closed_at is not None


def test_all_batches_of_a_log_are_read_at_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xaccel.audit.ingest.ingest.BATCH", 2)
    assert take(log, *some(log, 9))["lines"] == 9
    assert gc.isenabled()


def test_a_stop_ends_the_reading_after_one_batch(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xaccel.audit.ingest.ingest.BATCH", 2)
    log.write(*some(log, 5))
    ingest = Ingest(log.path, audit_settings(), using="default", stopped=lambda: True)
    ingest.ingest_available()
    assert ingest.counted["lines"] == 2


def test_the_signal_of_a_row_that_was_pruned_is_removed() -> None:
    def tell(sender: Any, **_: Any) -> None:
        pytest.fail("there is no such row")

    PendingSignal.objects.create(transfer=uuid4())
    transfer_completed.connect(tell, sender=Transfer)
    try:
        send_signals("default")
    finally:
        transfer_completed.disconnect(tell, sender=Transfer)
    assert not PendingSignal.objects.exists()
