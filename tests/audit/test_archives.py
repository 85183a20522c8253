"""The trail knows the members of an archive: who got an object, whole or in part, without a row for each member."""

from __future__ import annotations

import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import RequestFactory

from tests.audit.conftest import T0, Log, run, take
from xaccel import ObjectRef
from xaccel.audit.archives import _pack, _unpack, deliveries_of, members_of
from xaccel.audit.models import ArchivePage, Download, FailedMember, LogPosition, RejectedLine, Transfer
from xaccel.audit.record import record
from xaccel.audit.retention import forget, prune
from xaccel.events import DownloadEvent
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember

pytestmark = pytest.mark.django_db(transaction=True)


def layout_of(*names: str, **more: Any) -> Layout:
    refs = [ObjectRef("documents", f"keys/{name}") for name in names]
    given = {"size": 1000, "crc32": 7, "etag": "e1"} | more
    return Layout.of(ZipMember(ref, **given) for ref in refs)


LAYOUT = layout_of("a", "b", "c", modified=datetime(2026, 11, 29, 23, 59, 58, tzinfo=UTC))


def decide(line: dict[str, Any], layout: Layout) -> None:
    """Record the decision about an archive, as the app does."""
    at = datetime.fromtimestamp(line["end"] - line["seconds"], UTC)
    event = DownloadEvent(
        transfer_id=line["id"],
        allowed=True,
        origin="archives",
        method="GET",
        subject=line["subject"],
        filename="all.zip",
        at=at,
        version=layout.etag,
        archive=layout,
    )
    record(None, request=RequestFactory().get("/"), event=event)


def send(log: Log, layout: Layout, *ranges: tuple[int, int], **fields: Any) -> list[dict[str, Any]]:
    """Send these bytes of an archive to one user, in one transfer each."""
    lines = []
    for at, (first, end) in enumerate(ranges):
        line = log.part(first, end, layout.size, at, origin="archives", etag=layout.etag, **fields)
        decide(line, layout)
        lines.append(line)
    take(log, *lines)
    return lines


def got(key: str = "keys/b") -> list[tuple[str, str, int, bool]]:
    found = deliveries_of("documents", key)
    return sorted((one.download.subject, one.name, one.sent, one.whole) for one in found)


def test_who_got_an_object_names_those_who_got_it_in_an_archive(log: Log) -> None:
    send(log, LAYOUT, (0, LAYOUT.size), subject="ada")
    send(log, LAYOUT, (0, LAYOUT[1].data + 10), subject="bob")
    send(log, LAYOUT, (0, 5), subject="eve")
    send(log, layout_of("x", "y"), (0, 300), subject="leo")
    assert got() == [("ada", "b", 1000, True), ("bob", "b", 10, False), ("eve", "b", 0, False)]
    assert got("keys/nothing") == []


def test_a_resumed_archive_has_its_members_whole(log: Log) -> None:
    middle = LAYOUT[1].data + 500
    send(log, LAYOUT, (0, middle), (middle, LAYOUT.size))
    assert got() == [("7", "b", 1000, True)]


def test_a_receipt_has_all_members_and_the_sums_equal_the_bytes_sent(log: Log) -> None:
    end = LAYOUT[2].data + 7
    send(log, LAYOUT, (0, end))
    download = Download.objects.get()
    members = members_of(download)
    assert [(one.number, one.name, one.key, one.size, one.crc32, one.sent, one.whole) for one in members] == [
        (0, "a", "keys/a", 1000, 7, 1000, True),
        (1, "b", "keys/b", 1000, 7, 1000, True),
        (2, "c", "keys/c", 1000, 7, 7, False),
    ]
    headers = sum(one.data - one.begins for one in LAYOUT)
    assert sum(one.sent for one in members) + headers == end == download.sent_bytes


def ingest(log: Log, *lines: bytes) -> Path:
    """Ingest the log of members too, with more lines; return its path."""
    members = log.path.with_name("members.log")
    with members.open("ab") as file:
        file.writelines(lines)
    run("ingest", str(log.path), "--members", str(members), "--quiet")
    return members


def failed(line: dict[str, Any], member: str = "1", **fields: Any) -> bytes:
    said = {"v": 1, "id": line["id"][:23], "member": member, "origin": "documents", "range": "0-999/1000"}
    said |= {"origin_status": "404", "origin_bytes": "146", "why": "", "end": T0.timestamp(), **fields}
    return json.dumps(said).encode() + b"\n"


def test_a_member_that_failed_was_not_delivered_by_that_transfer(log: Log) -> None:
    middle = LAYOUT[1].ends
    wrong, right = send(log, LAYOUT, (0, middle), (LAYOUT[2].begins, LAYOUT.size))
    assert got() == [("7", "b", 1000, True)]
    for new in ((failed(wrong), b"torn {\n", failed(right, "part")), ()):
        members = ingest(log, *new)
        assert got() == [("7", "b", 0, False)]
        assert got("keys/a") == [("7", "a", 1000, True)]
        rows = FailedMember.objects.order_by("-number").values_list("transfer", "number", "status", "sent")
        assert [(str(id_), *rest) for id_, *rest in rows] == [
            (wrong["id"], 1, 404, 146),
            (right["id"], -1, 404, 146),
        ]
        assert [bytes(row.text) for row in RejectedLine.objects.all()] == [b"torn {"]
    assert set(LogPosition.objects.values_list("path", flat=True)) == {str(log.path), str(members)}
    send(log, LAYOUT, (LAYOUT[1].begins, LAYOUT[1].ends))
    assert got() == [("7", "b", 0, False), ("7", "b", 1000, True)]


@pytest.mark.parametrize("is_absolute", [False, True])
def test_the_log_of_members_is_the_one_of_the_site(
    log: Log, tmp_path: Path, settings: Any, is_absolute: bool
) -> None:
    (line,) = send(log, LAYOUT, (0, 10))
    own = log.path.parent / "own.log"
    own.write_bytes(failed(line))
    archives = {"app": "127.0.0.1:8000", "log": str(own) if is_absolute else "own.log"}
    settings.XACCEL = {
        "ORIGINS": {"documents": {"type": "local", "root": str(tmp_path)}},
        "ARCHIVES": archives,
    }
    run("ingest", str(log.path), "--quiet")
    assert FailedMember.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", [{"id": "x"}, {"end": -1}, {"origin_status": "99999"}, {"origin_bytes": "9" * 30}, {"end": "x"}]
)
def test_a_line_with_odd_values_is_set_aside(log: Log, wrong: dict[str, Any]) -> None:
    (line,) = send(log, LAYOUT, (0, 10))
    ingest(log, failed(line, **wrong), failed(line))
    assert (FailedMember.objects.count(), RejectedLine.objects.count()) == (1, 1)


def test_an_archive_is_stored_once_and_a_resume_adds_its_entry_alone(log: Log) -> None:
    send(log, LAYOUT, (0, 10), (10, 20), (20, LAYOUT.size))
    send(log, LAYOUT, (0, LAYOUT.size), subject="bob")
    assert (ArchivePage.objects.count(), Transfer.objects.count()) == (1, 4)


def test_an_archive_of_many_members_has_pages(log: Log) -> None:
    layout = layout_of(*map(str, range(3_000)))
    send(log, layout, (0, layout.size))
    assert 10 <= ArchivePage.objects.count() <= 16
    for number in (0, 1, 1500, 2999):
        assert got(f"keys/{number}") == [("7", str(number), 1000, True)]


def test_other_objects_of_a_bucket_and_stored_urls_are_found_by_their_names(log: Log) -> None:
    refs = [
        ObjectRef("tenants", "k", bucket="tenant-a"),
        ObjectRef("partner", url="https://files.example/a%20b.pdf?id=1&sig=secret"),
    ]
    layout = Layout.of(ZipMember(ref, size=1, crc32=2, etag="e") for ref in refs)
    send(log, layout, (0, layout.size))
    assert [one.number for one in deliveries_of("tenants", "tenant-a/k")] == [0]
    assert [one.key for one in deliveries_of("partner", "a b.pdf")] == ["a b.pdf"]
    assert b"secret" not in zlib.decompress(ArchivePage.objects.get().content)


def test_prune_deletes_a_layout_with_the_last_of_its_transfers(log: Log) -> None:
    (line,) = send(log, LAYOUT, (0, LAYOUT.size))
    ingest(log, failed(line))
    other = layout_of("z")
    late = log.part(0, other.size, other.size, 7200, origin="archives", etag=other.etag)
    decide(late, other)
    prune(T0 + timedelta(hours=1), using="default")
    assert list(ArchivePage.objects.values_list("archive", flat=True)) == [other.etag.strip('"')]
    assert FailedMember.objects.count() == 0


def test_forget_removes_the_names_that_a_user_alone_had(log: Log) -> None:
    shared, own = LAYOUT, layout_of("b", "my diary")
    send(log, shared, (0, shared.size), subject="ada")
    send(log, shared, (0, shared.size), subject="bob")
    send(log, own, (0, own.size), subject="ada")
    pseudonym = forget("ada", using="default")[0]
    assert got() == [("bob", "b", 1000, True), (pseudonym, "", 1000, True), (pseudonym, "b", 1000, True)]
    run("verify")


def test_verify_finds_a_layout_that_was_changed(log: Log, settings: Any) -> None:
    send(log, LAYOUT, (0, LAYOUT.size))
    send(log, layout_of(*map(str, range(500))), (0, 10))
    run("verify")
    page = ArchivePage.objects.get(archive=LAYOUT.etag.strip('"'))
    members = _unpack(page.content)
    members[1].key = "keys/other"
    page.content = _pack(members)
    page.save()
    with pytest.raises(CommandError, match=r"the layout of archive [0-9a-f]{32} was changed"):
        run("verify")


def test_who_got_an_object_of_a_thousand_archives_takes_less_than_a_second(log: Log) -> None:
    names = [f"file {number}" for number in range(150)]
    for number in range(1_000):
        layout = layout_of("b", f"own {number}", *names)
        line = log.part(0, layout.size, layout.size, number, origin="archives", subject=str(number))
        decide(line, layout)
        log.write(line)
    take(log)
    started = time.process_time()
    assert len(got()) == 1_000
    assert time.process_time() - started < 3, "0.3 on a quiet machine"
