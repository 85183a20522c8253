from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from xaccel.handoff.identifiers import cache_key

PART = st.text("ab/:0123456789 -", max_size=4) | st.text(max_size=4)
ENTRY = st.tuples(PART, PART, PART, PART)


@given(ENTRY, ENTRY)
def test_cache_entries_differ_in_every_part(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    first, second = cache_key(*one), cache_key(*other)
    assert (first == second) == (one == other)
    assert re.fullmatch("[0-9a-f]{64}-[0-9a-f]{64}", first)


@given(ENTRY, ENTRY)
def test_one_half_is_the_object_and_the_other_its_identity(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    (first, first_identity), (second, second_identity) = (
        cache_key(*entry).split("-") for entry in (one, other)
    )
    assert (first == second) == (one[:3] == other[:3])
    assert (first_identity == second_identity) == (one[3] == other[3])
