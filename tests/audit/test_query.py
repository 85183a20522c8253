"""Stored URLs of one path and many queries: which file was given is in the rows, and no value that nobody named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client

from tests.audit.conftest import Log, run, take
from xaccel.audit.models import Download, Transfer
from xaccel.audit.queries import queries_of

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "https://files.example/get.php"
OLD, NEW = "old-0123456789-abcdefghijklmnopqrstuvwxyz", "new-0123456789-abcdefghijklmnopqrstuvwxyz"


def given(log: Log, url: str) -> None:
    """One whole download of a stored URL, from a server that sends one ETag for all of them."""
    answer = Client().get("/stored", {"url": url})
    now = datetime.now(UTC).timestamp()
    log.write(log.line(id=answer["Xaccel-Id"], end=now, seconds=0.001))


def test_two_files_of_one_path_are_two_downloads(log: Log) -> None:
    for number in (7, 8, 7):
        given(log, f"{BASE}?id={number}")
    take(log)
    assert [row.key for row in Transfer.objects.all()] == ["get.php"] * 3
    for number, many in ((7, 2), (8, 1)):
        found = {"key": "get.php", "query__in": queries_of(f"{BASE}?id={number}")}
        assert Transfer.objects.filter(**found).count() == many
        assert sum(row.transfers for row in Download.objects.filter(**found)) == many
    assert Download.objects.values("group").distinct().count() == 2


def test_what_is_named_is_recorded_and_found_after_a_rotation(log: Log, settings: Any) -> None:
    url = f"{BASE}?id=7&lang=de"
    plain = {**settings.XACCEL, "RECORDED_PARAMETERS": ["id"]}
    settings.XACCEL = {**plain, "SECRET": OLD}
    given(log, url)
    settings.XACCEL = {**plain, "SECRET": [NEW, OLD]}
    given(log, url)
    rows = Transfer.objects.order_by("id")
    assert [row.query.partition("#")[0] for row in rows] == ["id=7", "id=7"]
    assert rows[0].query != rows[1].query
    assert rows.filter(query__in=queries_of(url)).count() == 2
    settings.XACCEL = {**plain, "SECRET": NEW}
    assert rows.filter(query__in=queries_of(url)).count() == 1
    assert rows.filter(query__in=queries_of(url, OLD)).count() == 2


def test_the_chain_has_the_query_and_what_it_sealed_before_stays(log: Log, settings: Any) -> None:
    settings.XACCEL_AUDIT = {"CHAIN": True}
    given(log, f"{BASE}?id=7")
    given(log, BASE)
    run("ingest", "--quiet", str(log.path))
    run("verify")
    exported = [json.loads(line) for line in run("export", "transfers", "--format", "jsonl").splitlines()]
    assert [bool(row["query"]) for row in exported] == [True, False]
    Transfer.objects.exclude(query="").update(query="#0000-0")
    with pytest.raises(CommandError, match="was changed"):
        run("verify")
