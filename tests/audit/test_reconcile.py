"""The storage's own access log against the trail: what agrees, what explains itself, and what is a contradiction."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import T0, Log, decide, ingested, take
from tests.audit.reconciling import SECRET_QUERY, reconcile
from xaccel.audit.models import Transfer
from xaccel.audit.reconcile.storage_log import StorageLog
from xaccel.audit.retention import prune
from xaccel.handoff.identifiers import new_transfer_id

pytestmark = pytest.mark.django_db

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
DOCUMENTED = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1"
    " [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    ' 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /amzn-s3-demo-bucket1?versioning HTTP/1.1" 200 - 113 - 7 -'
    ' "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4'
    " ECDHE-RSA-AES128-GCM-SHA256 AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.2"
    " arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes us-east-1"
)
DOCUMENTED_2014 = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be mybucket [06/Feb/2014:00:00:38 +0000]"
    " 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DD6CC733AEXAMPLE"
    ' REST.PUT.OBJECT s3-dg.pdf "PUT /mybucket/s3-dg.pdf HTTP/1.1" 200 - - 4406583 41754 28 "-" "S3Console/0.4" -'
)


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    keys = {"region": "us-east-1", "access_key": "A", "secret_key": "s"}
    settings.XACCEL = {
        "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
        "ORIGINS": {
            "documents": {"type": "s3", "bucket": "docs", "prefix": "of/", **keys},
            "tenants": {"type": "s3", "bucket": "tenant-*", **keys},
            "partner": {"type": "http", "base_url": "https://files.example/"},
        },
    }


class S3Log:
    """A storage's log in S3's format. `add` writes the request of a transfer, `seconds` after T0."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(
        self,
        transfer: str,
        seconds: float = 0,
        *,
        key: str = "of/report.pdf",
        bucket: str = "docs",
        status: int = 200,
        sent: int = 100,
        method: str = "GET",
        agent: str = "xaccel t=",
    ) -> None:
        at = f"{T0 + timedelta(seconds=seconds):%d/%b/%Y:%H:%M:%S +0000}"
        self.write(
            f"79a59d {bucket} [{at}] 192.0.2.3 arn:aws:iam::1:user/xaccel 3E57427F3EXAMPLE REST.{method}.OBJECT"
            f' {key} "{method} /{key}?{SECRET_QUERY} HTTP/1.1" {status} {"-" if status == 200 else "AccessDenied"}'
            f' {sent or "-"} 100 7 6 "-" "{agent}{transfer[:23]}" - s9lz= SigV4 - QueryString'
            " docs.s3.amazonaws.com TLSv1.3 - -"
        )

    def other(self, hours: float) -> None:
        """A request of another client: the log goes on until then."""
        self.add("", hours * 3600, agent="aws-cli/2", method="PUT")

    def write(self, *lines: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)


@pytest.fixture
def s3_log(tmp_path: Path) -> S3Log:
    return S3Log(tmp_path / "access.log")


def transfer(log: Log, key: str = "report.pdf", at: float = 1.0, **fields: Any) -> str:
    """A transfer of the trail, by decision and log entry; return its id."""
    line = log.line(at, **{"origin": "documents", **fields})
    decide(line, key)
    log.write(line)
    return str(line["id"])


MATCHED = "matched"
AWAITED = "not in the storage's log yet"
CONTRADICTION = "contradiction: "


TENANT = {"key": "tenant-a/x", "origin": "tenants"}
BY_NGINX = "explained: no bytes of the file were sent"
VERDICTS: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    # the storage did not log it
    ({"cache": "HIT"}, [], "explained: from the cache"),
    ({"cache": "STALE"}, [], "explained: from the cache"),
    ({"status": "304", "body_bytes": 0, "sent_length": ""}, [], "explained: 304"),
    ({"method": "HEAD", "body_bytes": 0}, [], "explained: HEAD"),
    ({"body_bytes": 0, "completion": "", "status": "499"}, [], BY_NGINX),
    ({"status": "502", "body_bytes": 90, "why": "origin_500"}, [], BY_NGINX),
    ({"why": "forged", "status": "404"}, [], "explained: 304 or 412 by the app, or refused by NGINX"),
    ({"cache": "MISS"}, [], "contradiction: the user got 100 bytes"),
    ({}, [], "contradiction: the user got 100 bytes"),
    ({"body_bytes": 40, "completion": ""}, [], "contradiction: the user got 40 bytes"),
    # it sent more, or less
    ({}, [{"sent": 120}], MATCHED),
    ({}, [{"sent": 60}], "contradiction: the user got 100 bytes, and the storage sent 60"),
    ({"cache": "MISS"}, [{"sent": 60, "status": 206}], "explained: slices from the cache"),
    ({}, [{"sent": 60, "status": 206}] * 2, MATCHED),
    # another object, or another bucket
    ({}, [{"key": "of/payroll.pdf"}], "contradiction: the trail has another object"),
    (TENANT, [{"bucket": "tenant-a", "key": "x"}], MATCHED),
    (TENANT, [{"bucket": "tenant-b", "key": "x"}], "contradiction: the trail has another bucket"),
    # the same key, however the storage encodes it
    ({"key": "a b/ü%.txt"}, [{"key": "of/a%20b/%C3%BC%25.txt"}], MATCHED),
    ({"key": "a b/ü%.txt"}, [{"key": "of/a%2520b/%25C3%25BC%2525.txt"}], MATCHED),
    ({"key": "a b/ü%.txt"}, [{"key": "of/a+b/%C3%BC%25.txt"}], MATCHED),
    ({"key": "100%2B.txt"}, [{"key": "of/100%252B.txt"}], MATCHED),
]
"""The fields of a transfer, the requests in the storage's log, and the verdict."""


@pytest.mark.parametrize(("fields", "requests", "verdict"), VERDICTS)
def test_a_transfer_has_its_verdict(
    log: Log, s3_log: S3Log, fields: dict[str, Any], requests: list[dict[str, Any]], verdict: str
) -> None:
    id_ = transfer(log, at=10, **fields)
    take(log)
    s3_log.other(0)
    for request in requests:
        s3_log.add(id_, 10, **request)
    s3_log.other(25)
    found, said = reconcile(s3_log.path)
    assert found[id_].startswith(verdict)
    assert ("1 contradictions" in said) == verdict.startswith("contradiction")


def test_the_uses_of_a_grant_are_compared_together(log: Log, s3_log: S3Log) -> None:
    """The storage knows the decision that NGINX remembered, and not which use of it a request was for."""
    ids = [transfer(log, at=10)]
    ids += [f"{ids[0][:24]}{number:012x}" for number in range(2)]
    for id_ in ids[1:]:
        log.write(log.line(11.0, id=id_, origin="documents", note=f"grant:{ids[0]}"))
    take(log)
    for _ in ids:
        s3_log.add(ids[0], 10)
    s3_log.other(25)
    found, said = reconcile(s3_log.path)
    assert [found[id_] for id_ in ids] == [MATCHED] * 3
    assert "contradiction" not in said.partition("0 contradictions")[2]


def test_a_use_of_a_grant_that_the_storage_did_not_send_is_a_contradiction(log: Log, s3_log: S3Log) -> None:
    first = transfer(log, at=10)
    use = f"{first[:24]}{1:012x}"
    take(log, log.line(11.0, id=use, origin="documents", note=f"grant:{first}"))
    s3_log.add(first, 10)
    s3_log.other(25)
    found, said = reconcile(s3_log.path)
    assert [verdict for verdict in found.values() if verdict.startswith(CONTRADICTION)]
    assert "1 contradictions" in said


def test_what_the_app_answered_or_denied_is_explained_and_no_request_may_name_it(
    log: Log, s3_log: S3Log
) -> None:
    lines = [log.line(at, origin="documents") for at in (1, 2, 3)]
    decide(lines[0], outcome="denied")
    decide(lines[1], outcome="not_modified", reason="304 by the app")
    decide(lines[2], outcome="denied")
    s3_log.other(0)
    s3_log.add(lines[2]["id"], 3)
    found, said = reconcile(s3_log.path)
    by_the_app = "explained: 304 or 412 by the app, or refused by NGINX"
    assert [found[lines[number]["id"]] for number in (0, 1)] == [by_the_app] * 2
    assert found[lines[2]["id"]].startswith(
        "contradiction: NGINX had no valid hand-off: the storage sent bytes"
    )
    assert "1 contradictions" in said


def test_an_entry_may_be_late_by_the_grace(log: Log, s3_log: S3Log) -> None:
    id_ = transfer(log, at=3600)
    take(log)
    s3_log.other(0)
    s3_log.other(20)
    assert reconcile(s3_log.path)[0][id_] == AWAITED
    assert reconcile(s3_log.path, grace="12h")[0][id_].startswith(CONTRADICTION)


def test_the_storage_names_a_transfer_that_the_trail_does_not_have(log: Log, s3_log: S3Log) -> None:
    kept, gone = transfer(log, at=1), transfer(log, at=2)
    take(log)
    for id_ in (kept, gone, gone):
        s3_log.add(id_, 2)
    assert reconcile(s3_log.path)[0] == {kept: MATCHED, gone: MATCHED}
    Transfer.objects.filter(id=gone).delete()
    found, said = reconcile(s3_log.path)
    assert found[kept] == MATCHED
    assert found[gone[:23]] == (
        "contradiction: the trail does not have it: the storage sent bytes,"
        " request 3E57427F3EXAMPLE of 2026-11-01 12:00:02 UTC"
    )
    assert "1 contradictions: the trail and the storage's log do not agree" in said


@pytest.mark.parametrize(
    ("bucket", "key", "is_foreign"),
    [
        ("docs", "elsewhere/report.pdf", True),
        ("docs", "of%2Freport.pdf", False),
        ("tenant-z", "report.pdf", False),
        ("tenants", "report.pdf", False),
    ],
)
def test_a_transfer_of_another_site_with_the_same_storage_is_no_contradiction(
    s3_log: S3Log, bucket: str, key: str, is_foreign: bool
) -> None:
    s3_log.add(new_transfer_id(T0), 1, bucket=bucket, key=key)
    said = reconcile(s3_log.path)[1]
    assert ("1 downloads from buckets or prefixes of other sites" in said) == is_foreign
    assert ("1 contradictions" in said) != is_foreign


def test_a_bucket_that_no_origin_has_is_of_another_site(s3_log: S3Log, settings: Any) -> None:
    origins = {name: kept for name, kept in settings.XACCEL["ORIGINS"].items() if name != "partner"}
    settings.XACCEL = {**settings.XACCEL, "ORIGINS": origins}
    s3_log.add(new_transfer_id(T0), 1, bucket="tenants", key="report.pdf")
    assert "1 downloads from buckets or prefixes of other sites" in reconcile(s3_log.path)[1]


def test_a_request_that_the_storage_refused_is_not_an_alarm(log: Log, s3_log: S3Log) -> None:
    """Anybody can send a User-Agent with a request that is not signed."""
    s3_log.add(new_transfer_id(T0), 1, status=403, sent=200)
    s3_log.add(new_transfer_id(T0), 1, method="HEAD", sent=0)
    found, said = reconcile(s3_log.path)
    assert found == {}
    assert "2 requests with an unknown id, which the storage refused" in said


def test_bytes_of_a_request_that_the_storage_refused_are_not_explained(log: Log, s3_log: S3Log) -> None:
    id_ = transfer(log)
    take(log)
    s3_log.add(id_, 1, status=403)
    assert reconcile(s3_log.path)[0][id_] == AWAITED  # NGINX tried again
    s3_log.other(25)
    assert reconcile(s3_log.path)[0][id_].startswith(CONTRADICTION)


def test_other_times_buckets_and_origins_are_not_judged(log: Log, s3_log: S3Log) -> None:
    before, after = transfer(log, at=-100), transfer(log, at=100_000)
    tenant, partner = transfer(log, "tenant-b/x", origin="tenants"), transfer(log, origin="partner")
    named = transfer(log, at=-50)
    take(log)
    s3_log.other(0)
    s3_log.add(named, 1)
    s3_log.add(new_transfer_id(T0), 2, bucket="tenant-a", status=403)
    found, _ = reconcile(s3_log.path, grace="0h")
    assert found == {named: MATCHED}
    assert not {before, after, tenant, partner} & found.keys()


def test_what_prune_deleted_is_no_contradiction(log: Log, s3_log: S3Log) -> None:
    old, new = transfer(log, at=0), transfer(log, at=7200)
    take(log)
    prune(T0 + timedelta(hours=1), using="default")
    s3_log.add(old, 1)
    s3_log.add(new, 7201)
    found, said = reconcile(s3_log.path)
    assert found == {new: MATCHED}
    assert "1 requests of transfers that `prune` deleted" in said


def test_a_decision_that_was_rolled_back_is_matched_by_its_log_entry(log: Log, s3_log: S3Log) -> None:
    line = log.line(1, origin="documents")
    take(log, line)
    s3_log.add(line["id"], 1)
    assert reconcile(s3_log.path)[0] == {line["id"]: MATCHED}


def test_a_download_without_an_id_is_counted(log: Log, s3_log: S3Log) -> None:
    s3_log.add("", 1, agent="aws-cli/2")
    s3_log.add("", 1, agent=f"xaccel t={new_transfer_id(T0)} ")
    assert "2 downloads by other clients of the storage, without an id" in reconcile(s3_log.path)[1]


def test_the_documented_entries_are_read(s3_log: S3Log) -> None:
    s3_log.write(DOCUMENTED, DOCUMENTED_2014, DOCUMENTED.replace('"S3Console/0.4"', "-"))
    log = StorageLog([s3_log.path])
    first, second, third = log.requests()
    assert (log.lines, log.unreadable, log.buckets) == (3, 0, {"amzn-s3-demo-bucket1", "mybucket"})
    assert (first.at, first.status, first.sent) == (datetime(2019, 2, 6, 0, 0, 38, tzinfo=UTC), 200, 113)
    assert (first.request, first.method, first.transfer) == ("3E57427F3EXAMPLE", "", "")
    assert (second.key, second.method, second.sent) == ("s3-dg.pdf", "PUT", 0)
    assert third.transfer == ""
    assert (log.first, log.last) == (second.at, first.at)


def test_what_seaweedfs_logs_is_read(s3_log: S3Log) -> None:
    id_ = new_transfer_id(T0)
    said = {
        "bucket": "docs",
        "time": 1795708508,
        "operation": "REST.GET.OBJECT",
        "key": "ü %20",
        "status": 206,
    }
    s3_log.write(
        json.dumps({**said, "request_id": "18EBA35F", "user_agent": f"xaccel t={id_[:23]}", "host_id": ""})
    )
    (entry,) = StorageLog([s3_log.path]).requests()
    assert (entry.transfer, entry.delivered, entry.sent) == (id_[:23], True, None)
    assert (entry.key, entry.request, entry.at) == (
        "ü %20",
        "18EBA35F",
        datetime.fromtimestamp(1795708508, UTC),
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not an entry",
        "{}",
        '{"time": 99999999999999999999, "bucket": "docs", "operation": "REST.GET.OBJECT", "status": 200}',
        '{"time": 999999999999999, "bucket": "docs", "operation": "REST.GET.OBJECT", "status": 200}',
        DOCUMENTED.replace("06/Feb/2019", "31/Feb/2019"),
        DOCUMENTED.replace('"-"', '"a" b"'),
        DOCUMENTED.replace(" 200 ", " - "),
        "\x00\x1b[31m" * 40_000,
    ],
)
def test_a_line_that_is_not_an_entry_is_counted_and_not_shown(s3_log: S3Log, line: str) -> None:
    s3_log.write(line)
    _, said = reconcile(s3_log.path)
    assert "lines is an entry of an access log" in said
    assert "Feb" not in said
    assert "\x1b" not in said
    s3_log.other(0)
    assert "could not be read" in reconcile(s3_log.path)[1] or not line


@pytest.mark.parametrize("year", [1, 1970, 2099, 9999])
@pytest.mark.parametrize("seaweed", [False, True])
def test_a_time_that_cannot_be_does_not_extend_the_comparison(
    log: Log, s3_log: S3Log, year: int, seaweed: bool
) -> None:
    """A transfer that is not in the storage's log yet is no contradiction because of it."""
    line = log.line(origin="documents")
    ingested(log, line)
    s3_log.other(-1)
    s3_log.other(1)
    at = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    row = {"time": round(at.timestamp()), "bucket": "docs", "operation": "REST.GET.OBJECT", "status": 200}
    bad = (
        json.dumps(row) if seaweed else DOCUMENTED.replace("06/Feb/2019:00:00:38", f"{at:%d/%b/%Y:%H:%M:%S}")
    )
    s3_log.write(bad.replace(f"/{year}:", f"/{year:04}:"), '{"time":' + "[" * 20_000)
    found, said = reconcile(s3_log.path)
    assert found == {line["id"]: "not in the storage's log yet"}
    assert "2 of them could not be read" in said


def test_a_folder_means_all_files_in_it(log: Log, tmp_path: Path) -> None:
    one, two = transfer(log, at=1), transfer(log, at=2)
    take(log)
    (tmp_path / "logs" / "2026").mkdir(parents=True)
    S3Log(tmp_path / "logs" / "2026-11-01-EXAMPLE").add(one, 1)
    S3Log(tmp_path / "logs" / "2026" / "EXAMPLE").add(two, 2)
    assert reconcile(tmp_path / "logs")[0] == {one: MATCHED, two: MATCHED}


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "empty"])
def test_a_path_without_files_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "none"
    make(path)
    assert "there is no such file" in reconcile(path)[1]


def test_a_request_id_that_is_none_is_not_shown(log: Log, s3_log: S3Log) -> None:
    said = {"bucket": "docs", "key": "of/a", "operation": "REST.GET.OBJECT", "status": 200}
    id_ = new_transfer_id(T0)
    s3_log.write(
        json.dumps(
            {**said, "time": 1795708508, "request_id": "\x1b[31m", "user_agent": f"xaccel t={id_[:23]}"}
        )
    )
    assert "request (not readable)" in reconcile(s3_log.path)[0][id_[:23]]


def test_a_forged_entry_with_the_same_beginning_of_the_id_changes_nothing(log: Log, s3_log: S3Log) -> None:
    """The storage knows the beginning."""
    id_ = transfer(log)
    for tail in ("0" * 12, "f" * 12):
        log.write(log.line(1, origin="documents", id=f"{id_[:23]}-{tail}", why="forged", status="404"))
    take(log)
    s3_log.add(id_)
    assert reconcile(s3_log.path)[0][id_] == MATCHED
