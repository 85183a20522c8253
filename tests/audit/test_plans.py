"""Query plans of the rare queries; the benchmark of plans notices a scan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest

from benchmarks.questions.audit_plans import _indexes, _scans
from tests.audit.conftest import T0, Log, ingested
from tests.servers.postgres import postgres_server
from tests.servers.started import started


@pytest.mark.django_db(transaction=True)
def test_the_few_incomplete_downloads_are_found_by_their_index(log: Log) -> None:
    from django.db import connection

    from xaccel.audit.models import Download

    lines = [log.part(0, 50, 100, 0), log.part(50, 100, 100, 5, etag='"v2"')]  # of two versions
    ingested(log, *lines)
    [one, other] = Download.objects.all()
    many: dict[str, Any] = {field.attname: getattr(one, field.attname) for field in Download._meta.fields}
    Download.objects.bulk_create(
        Download(**{**many, "id": UUID(int=number), "closed_at": T0, "sent_complete": True})
        for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    # as the admin's filter asks
    incomplete = Download.objects.filter(sent_complete=False).order_by("-opened_at")
    assert "xaccel_download_incomplete" in incomplete[:50].explain()
    assert set(incomplete) == {one, other}


@pytest.mark.once
def test_the_benchmark_tells_a_scan_from_an_index(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    import psycopg

    asked = "EXPLAIN SELECT * FROM xaccel_download WHERE subject = '77'"
    with (
        started(postgres_server(tmp_path), unavailable) as server,
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):

        def plan() -> str:
            return "\n".join(text for (text,) in connection.execute(asked))

        connection.execute(
            "CREATE TABLE xaccel_download AS SELECT n::text AS subject FROM generate_series(1, 10000) AS n"
        )
        connection.execute("ANALYZE")
        without = plan()
        connection.execute("CREATE INDEX xaccel_download_subject ON xaccel_download (subject)")
        within = plan()
        connection.execute("ALTER TABLE xaccel_download RENAME TO xaccel_download_seen")
        connection.execute("DROP INDEX xaccel_download_subject")
        asked = asked.replace("xaccel_download", "xaccel_download_seen")
        of_another = plan()
    assert (_scans(without), _indexes(without)) == (True, [])
    assert (_scans(within), _indexes(within)) == (False, ["xaccel_download_subject"])
    assert "Seq Scan" in of_another
    assert not _scans(of_another)
