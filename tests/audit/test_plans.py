"""The plan of a rare query."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from tests.audit.conftest import T0, Log, ingested
from xaccel.audit.models import Download


@pytest.mark.django_db(transaction=True)
def test_the_few_incomplete_downloads_are_found_by_their_index(log: Log) -> None:
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
