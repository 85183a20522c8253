"""Without a write in the request, through a real app and a real NGINX: the rows are the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tests.audit.conftest import Log, take
from tests.audit.live_site import (
    BODY,
    DONE,
    Site,
    downloads,
    servers,  # noqa: F401
    under_one_protocol,  # noqa: F401
)

pytestmark = pytest.mark.django_db(transaction=True)

EACH_TIME = {"id", "subject", "download_id", "decided_at", "started_at", "ended_at", "origin_seconds"}


def rows(subject: str) -> list[dict[str, Any]]:
    from xaccel.audit.models import Transfer

    return list(Transfer.objects.filter(subject=subject).order_by("id").values())


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("größe 1.pdf", {}),
        ("x", {"Range": "bytes=100-199"}),
        ("x", {"method": "HEAD"}),
        ("x", {"If_None_Match": '"v1"'}),
        ("x", {"kept": "v7"}),
        ("cut", {}),
        ("moved", {}),
    ],
    ids=["whole", "part", "HEAD", "304 by NGINX", "an identity", "origin cut", "refused redirect"],
)
def test_a_row_is_the_same_whichever_way_it_was_recorded(
    site: Site, settings: Any, tmp_path: Path, key: str, asked: dict[str, str]
) -> None:
    by_row, by_line = token_hex(4), token_hex(4)
    site.get("x", kept="v7")  # so that both find it in the cache
    before = len(site.nginx.lines(1))
    site.get(key, subject=by_row, **asked)
    assert [row["outcome"] for row in rows(by_row)] == ["granted"]
    settings.XACCEL_AUDIT = {"RECORD": "line", "DECISIONS": str(tmp_path / "decisions.log")}
    site.get(key, subject=by_line, **asked)
    assert rows(by_line) == []
    lines = site.nginx.lines(before + 2, timeout_s=10)
    noted = [bool(line["note"]) for line in lines if line["subject"] in (by_row, by_line)]
    assert noted == [False, True]
    take(Log(site.nginx.directory / "xaccel.log"))
    [one], [other] = rows(by_row), rows(by_line)
    same = set(one) - EACH_TIME
    assert {name: other[name] for name in same} == {name: one[name] for name in same}
    assert other["key"] == key
    # NGINX writes whole milliseconds
    assert other["started_at"] <= other["decided_at"] < other["ended_at"] + timedelta(milliseconds=1)


def test_what_has_no_line_comes_from_the_apps_file(site: Site, settings: Any, tmp_path: Path) -> None:
    from xaccel.audit.models import Transfer

    decisions = Log(tmp_path / "decisions.log")
    settings.XACCEL_AUDIT = {"RECORD": "line", "DECISIONS": str(decisions.path)}
    with site.begin("x", view="deny") as transfer_:
        assert transfer_.until_end().status == 403
    assert Transfer.objects.count() == 0
    counted = take(decisions)
    assert (counted.lines, counted.garbage) == (1, 0)
    row = Transfer.objects.get()
    assert (row.outcome, row.reason, row.key, row.ended_at) == ("denied", "no grant", "x", None)


def test_a_resume_is_one_download(site: Site, settings: Any, tmp_path: Path) -> None:
    from xaccel.audit.models import Download

    settings.XACCEL_AUDIT = {"RECORD": "line", "DECISIONS": str(tmp_path / "decisions.log")}
    subject, before = token_hex(4), len(site.nginx.lines())
    got = [site.get("x", subject=subject, Range=f"bytes={bound}") for bound in ("0-299", "300-999")]
    assert b"".join(got) == BODY
    site.nginx.lines(before + 2, timeout_s=10)
    take(Log(site.nginx.directory / "xaccel.log"))
    made = Download.objects.get(subject=subject)
    assert {row["download_id"] for row in rows(subject)} == {made.pk}
    assert {**DONE, "transfers": 2} in downloads()
