"""The conditions of all adapters are answered as Django answers them, whatever the headers hold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.cache import get_conditional_response
from django.utils.http import parse_http_date
from hypothesis import given
from hypothesis import strategies as st

from xaccel.handoff.conditions import answer_to_conditions

CHANGED = "Sun, 01 Mar 2026 12:00:00 GMT"
LATER = "Sun, 01 Mar 2026 12:00:01 GMT"
EARLIER = "Sunday, 01-Mar-26 11:59:59 GMT"
LONG_AGO = "Wed Mar  1 12:00:00 2006"
TAGS = st.sampled_from(['"v1"', '"v0"', 'W/"v1"', 'W/"v0"', '""'])
GARBLED = st.sampled_from(
    ['"v1"\xff', 'x"v1"', '"v1" "v0"', '""v1""', 'w/"v1"', 'W/ "v1"', '"v1', 'v1"', "v1", "*", ""]
)
SEPARATORS = st.sampled_from([", ", ",", " ,\t", ",,"])
TAG_WITH_A_COMMA = re.compile(r'(?:^|,)[ \t]*(?:W/)?"[^",]*,[^"]*"[ \t]*(?=,|\Z)')
"""Two garbled elements can make one, such as `"v1, v1"`: Django takes it apart (test_a_tag_with_a_comma_is_one_tag)."""
LISTS = st.one_of(
    st.just("*"),
    st.builds(str.join, SEPARATORS, st.lists(TAGS, min_size=1, max_size=3)),
    st.builds(str.join, SEPARATORS, st.lists(TAGS | GARBLED, max_size=4)).filter(
        lambda text: not TAG_WITH_A_COMMA.search(text)
    ),
)
DATES = st.sampled_from([CHANGED, LATER, EARLIER, LONG_AGO, "yesterday", ""])
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "If-Match": LISTS,
        "If-None-Match": LISTS,
        "If-Modified-Since": DATES,
        "If-Unmodified-Since": DATES,
    },
)
VISIBLE = st.fixed_dictionaries(
    {"Cache-Control": st.just("private, no-cache"), "Content-Type": st.just("text/plain")},
    optional={"ETag": TAGS, "Last-Modified": st.just(CHANGED)},
)


def of_django(method: str, conditions: dict[str, str], visible: dict[str, str]) -> int | None:
    changed = visible.get("Last-Modified")
    if "ETag" not in visible and changed is None:
        return None
    if changed is None:  # Django answers 412, RFC 9110 section 13.1.4 says to ignore the header
        conditions = {name: value for name, value in conditions.items() if name != "If-Unmodified-Since"}
    request: Any = getattr(RequestFactory(), method.lower())("/", headers=conditions)
    whole = HttpResponse(headers=visible)
    answer = get_conditional_response(
        request, visible.get("ETag"), None if changed is None else parse_http_date(changed), whole
    )
    return None if answer is None or answer is whole else answer.status_code


@given(method=st.sampled_from(["GET", "HEAD", "POST"]), conditions=CONDITIONS, visible=VISIBLE)
def test_conditions_are_answered_as_django_does(
    method: str, conditions: dict[str, str], visible: dict[str, str]
) -> None:
    # Django takes an empty or garbled header for none, as RFC 9110 wants of a date.
    django = of_django(method, conditions, visible)
    assert answer_to_conditions(method, conditions, visible.items()) == django


@pytest.mark.parametrize("element", ['"v1"\xff', '\xff"v1"', '"v1" "v0"', '""v1""', '"v1" x'])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Match"])
def test_an_element_that_is_no_tag_as_a_whole_is_ignored(name: str, element: str) -> None:
    shown = [("ETag", '"v1"')]
    assert answer_to_conditions("GET", {name: element}, shown) is None
    assert answer_to_conditions("GET", {name: f'{element}, "v2"'}, shown) == {"If-Match": 412}.get(name)


@pytest.mark.parametrize("tag", ['"a,b"', 'W/"a, b"'])
def test_a_tag_with_a_comma_is_one_tag(tag: str) -> None:
    """RFC 9110 section 8.8.3 allows it; Django takes the list apart there."""
    assert answer_to_conditions("GET", {"If-None-Match": f'"x", {tag}'}, [("ETag", tag)]) == 304


@given(st.text() | st.integers().map(lambda year: f"Sun, 01 Mar {year} 12:00:00 GMT"))
def test_an_invalid_date_is_ignored(text: str) -> None:
    shown = [("ETag", '"v1"'), ("Last-Modified", CHANGED)]
    conditions = {"If-Modified-Since": text, "If-Unmodified-Since": text}
    assert answer_to_conditions("GET", conditions, shown) in (None, 304, 412)
