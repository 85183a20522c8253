from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaccel import LocalOrigin, Options, Site
from xaccel.errors import OptionRefused
from xaccel.handoff.headers import LONGEST_KEY, limit_headers
from xaccel.site.rules import header_value_ok


def site(**concurrency: int) -> Site:
    return Site(origins={"disk": LocalOrigin(root="/srv")}, secrets=("s" * 32,), concurrency=concurrency)


def said(site: Site, **options: Any) -> dict[str, str]:
    headers = limit_headers(site, Options(**options))
    assert len(dict(headers)) == len(headers)
    return dict(headers)


BOTH = site(default=8, guests=2)


@given(key=st.text(min_size=1))
def test_any_text_is_a_key_and_different_texts_are_different_keys(key: str) -> None:
    spelled, other = (said(BOTH, concurrency_key=text)["Xaccel-Concurrency-Key"] for text in (key, f"{key}x"))
    assert header_value_ok(spelled)
    assert len(spelled) <= LONGEST_KEY
    assert spelled != other


@pytest.mark.parametrize(
    ("classes", "options", "words"),
    [
        ({}, {"concurrency": "guests", "subject": "1"}, "(none is configured)"),
        ({"guests": 2}, {"concurrency": "default", "subject": "1"}, "one of: guests"),
        ({"default": 2}, {"concurrency": "guests", "subject": "1"}, "one of: default"),
        ({"guests": 2}, {"concurrency": "guests"}, "`subject` or `concurrency_key`"),
        ({"guests": 2}, {"concurrency": "guests", "concurrency_key": 5}, "Give text"),
    ],
    ids=str,
)
def test_a_class_that_would_count_nothing_is_an_error(
    classes: dict[str, int], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionRefused, match=re.escape(words)):
        limit_headers(site(**classes), Options(**options))
