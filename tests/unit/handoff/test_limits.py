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


def test_limits_with_nginx_defaults_are_not_sent() -> None:
    for one in (site(), BOTH):
        assert said(one) == said(one, subject="42") == said(one, subject="42", concurrency_key="42") == {}
        assert said(one, subject="42", concurrency="", concurrency_key="") == {}


def test_a_rate_is_a_number_or_unlimited() -> None:
    assert said(BOTH, limit_rate=5, limit_rate_after=0) == {"Xaccel-Rate": "5", "Xaccel-Rate-After": "0"}
    assert said(BOTH, limit_rate="unlimited") == {"Xaccel-Rate": "0"}


def test_a_class_is_named_and_no_limit_too() -> None:
    assert said(BOTH, subject="42", concurrency="guests") == {"Xaccel-Concurrency": "guests"}
    assert said(BOTH, subject="42", concurrency="unlimited") == {"Xaccel-Concurrency": "unlimited"}
    assert said(site(), subject="42", concurrency="unlimited") == {}


def test_another_concurrency_key_is_sent_only_if_transfers_are_counted() -> None:
    assert said(BOTH, subject="42", concurrency_key="team 7") == {"Xaccel-Concurrency-Key": "team 7"}
    assert said(site(), subject="42", concurrency_key="team 7") == {}


@given(key=st.text(min_size=1))
def test_any_text_is_a_key_and_different_texts_are_different_keys(key: str) -> None:
    spelled, other = (said(BOTH, concurrency_key=text)["Xaccel-Concurrency-Key"] for text in (key, f"{key}x"))
    assert header_value_ok(spelled)
    assert len(spelled) <= LONGEST_KEY
    assert spelled != other


@pytest.mark.parametrize("key", ["k" * 256, "zoë", "a\nb", " a", "\ud800"])
def test_a_key_that_no_header_can_have_is_hashed(key: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", said(BOTH, concurrency_key=key)["Xaccel-Concurrency-Key"])
    assert said(BOTH, concurrency_key="k" * 255) == {"Xaccel-Concurrency-Key": "k" * 255}


def test_a_subject_that_is_too_long_for_nginx_is_counted_by_its_hash() -> None:
    assert len(said(BOTH, subject="s" * 256)["Xaccel-Concurrency-Key"]) == 64


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
