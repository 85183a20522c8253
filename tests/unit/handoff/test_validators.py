from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaccel.errors import OptionRefused
from xaccel.handoff.headers import etag_header, last_modified_header


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("abc", '"abc"'),
        ('"abc"', '"abc"'),
        ('W/"abc"', 'W/"abc"'),
        ('""', '""'),
        ("W/abc", '"W/abc"'),
        ("d41d8cd98f00b204e9800998ecf8427e-12", '"d41d8cd98f00b204e9800998ecf8427e-12"'),
        ("a,b\\c", '"a,b\\c"'),
        ("x" * 200, f'"{"x" * 200}"'),
    ],
)
def test_an_entity_tag_is_quoted_once(value: str, header: str) -> None:
    assert etag_header(value) == header
    assert etag_header(header) == header


@pytest.mark.parametrize(
    "value",
    ["", " ", "a b", '"a b"', '"', '"a', 'a"', 'a"b', '"a"b"', 'w/"abc"', 'W/ "a"', '"a", "b"', "é", '"é"', "a\n",
     '"a\r\nX: y"', "a\x00", "x" * 201, 5, None, b"abc"],
)  # fmt: skip
def test_an_invalid_entity_tag_is_refused(value: str) -> None:
    with pytest.raises(OptionRefused, match="entity tag"):
        etag_header(value)


@pytest.mark.parametrize(
    ("value", "header"),
    [
        (datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "Tue, 03 Feb 2026 04:05:06 GMT"),
        (datetime(2026, 2, 3, 4, 5, 6, 999999, tzinfo=UTC), "Tue, 03 Feb 2026 04:05:06 GMT"),
        (datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), "Wed, 31 Dec 2025 23:00:00 GMT"),
        (datetime(1970, 1, 1, tzinfo=UTC), "Thu, 01 Jan 1970 00:00:00 GMT"),
    ],
)
def test_a_time_becomes_an_http_date(value: datetime, header: str) -> None:
    assert last_modified_header(value) == header


@given(st.integers(-2_208_900_000, 253_402_200_000), st.timezones())
def test_an_http_date_means_the_same_second(second: int, zone: tzinfo) -> None:
    value = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second, microseconds=7)).astimezone(zone)
    parsed = parsedate_to_datetime(last_modified_header(value))
    assert timedelta(0) <= value.astimezone(UTC) - parsed < timedelta(seconds=1)


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 2, 3), date(2026, 2, 3), "Tue, 03 Feb 2026 04:05:06 GMT", 0, None],  # noqa: DTZ001
    ids=repr,
)
def test_a_time_without_a_zone_is_refused(value: datetime) -> None:
    with pytest.raises(OptionRefused, match=r"^last_modified: .* time zone"):
        last_modified_header(value)
