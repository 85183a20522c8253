from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from xaccel.handoff.identifiers import new_transfer_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 253_402_214_400_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


@given(MOMENTS)
@example(datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))
@example(datetime(2026, 1, 1, 0, 0, 0, 57000, tzinfo=UTC))
def test_an_id_is_a_uuid_version_7_of_its_millisecond(now: datetime) -> None:
    text = new_transfer_id(now)
    parsed = uuid.UUID(text)
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == (now - EPOCH) // timedelta(milliseconds=1)


def test_the_zone_of_the_clock_plays_no_part() -> None:
    now = datetime(2026, 11, 5, 12, 0, 3, tzinfo=UTC)
    shifted = now.astimezone(timezone(timedelta(hours=-7)))
    assert new_transfer_id(now)[:13] == new_transfer_id(shifted)[:13]


def test_ids_of_one_moment_differ() -> None:
    now = datetime(2026, 11, 5, tzinfo=UTC)
    assert len({new_transfer_id(now) for _ in range(2000)}) == 2000


def test_all_74_random_bits_are_used() -> None:
    now = datetime(2026, 11, 5, tzinfo=UTC)
    drawn = [uuid.UUID(new_transfer_id(now)).int for _ in range(200)]
    ever_set, always_set = 0, 2**128 - 1
    for value in drawn:
        ever_set |= value
        always_set &= value
    assert (ever_set & ~always_set).bit_count() == 74
