from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xaccel.nginx.larger import larger_than

NUMBERS = st.integers(0, 10**13) | st.integers(0, 130)


@given(NUMBERS, NUMBERS | st.none(), st.sampled_from(["", "0", "000"]))
@example(0, 0, "")
@example(999, 1000, "")
@example(2 << 30, None, "")
def test_a_number_is_taken_exactly_where_it_is_larger(bound: int, other: int | None, zeros: str) -> None:
    for number in [other] if other is not None else [bound - 1, bound, bound + 1]:
        taken = re.fullmatch(larger_than(bound), f"{zeros}{number}") is not None
        assert taken is (number > bound)


@pytest.mark.parametrize("text", ["", "x", "1x", "-5", "5 6", "5,6"])
def test_what_is_no_number_is_not_larger(text: str) -> None:
    assert re.fullmatch(larger_than(0), text) is None
