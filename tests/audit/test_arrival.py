"""The bytes of an interrupted transfer that certainly reached the client: in the row, the admin and exports."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from tests.audit.conftest import Log, take

pytestmark = pytest.mark.django_db(transaction=True)

BUFFER = 65_536
MOST = 3 * 65_536


def made(log: Log, **fields: Any) -> Any:
    from xaccel.audit.models import Transfer

    whole = {"sent_length": "1000000", "body_bytes": 400_000, "completion": ""}
    log.write(log.line(**{**whole, **fields}))
    take(log)
    return Transfer.objects.get()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 400_000 - MOST),
        ({"protocol": "HTTP/2.0"}, 400_000 - MOST),
        ({"protocol": "HTTP/3.0"}, None),
        ({"body_bytes": 100_000}, 0),
        ({"body_bytes": MOST + 1}, 1),
        ({"body_bytes": 1_000_000, "completion": "OK"}, None),
        ({"status": "404"}, None),
    ],
)
def test_an_interrupted_transfer_over_tcp_says_how_much_arrived(
    log: Log, settings: Any, fields: dict[str, Any], expected: int | None
) -> None:
    settings.XACCEL_AUDIT = {"SEND_BUFFER": BUFFER}
    assert made(log, **fields).arrived_at_least == expected


def test_without_the_setting_it_is_not_known(log: Log) -> None:
    assert made(log).arrived_at_least is None


def test_exports_have_it(log: Log, settings: Any) -> None:
    from xaccel.audit.export import csv_rows, json_rows
    from xaccel.audit.models import Transfer

    made(log)
    rows = Transfer.objects.all()
    for buffer, cell, value in (
        ({}, "", None),
        ({"SEND_BUFFER": BUFFER}, str(400_000 - MOST), 400_000 - MOST),
    ):
        settings.XACCEL_AUDIT = buffer
        [table] = csv.DictReader("".join(csv_rows(rows)).splitlines())
        assert table["arrived_at_least"] == cell
        [line] = json_rows(rows)
        assert json.loads(line)["arrived_at_least"] == value
