"""A Location may not name by disguise what a stored URL may not name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaccel.errors import OriginNotAllowed
from xaccel.http_client.origin import DISGUISED
from xaccel.urls import below

PIECES = st.sampled_from(
    ["%", "2", "5", "e", "E", "f", "c", "3", "b", "4", "6", ".", "/", ";", "a", "%25", "%2e", "%2F"]
)


def refused(path: str) -> bool:
    """As the map $xaccel_has_dot_segments decides."""
    return DISGUISED.search(path) is not None


@given(st.lists(PIECES, max_size=14).map("".join))
def test_a_redirect_is_checked_like_a_stored_url(rest: str) -> None:
    try:
        below("https://files.example/", f"https://files.example/{rest}")
    except OriginNotAllowed:
        assert refused(f"/{rest}")


ORDINARY = "/ /100%25.txt /100%25%20off /a%2Fb /... /..a/b.. /%2e%2e%2e /a;b/.c /%25 /%e2%82%ac"


@pytest.mark.parametrize("path", ORDINARY.split())
def test_ordinary_paths_are_followed(path: str) -> None:
    assert not refused(path)
