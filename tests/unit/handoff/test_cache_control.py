from __future__ import annotations

import pytest

from xaccel.errors import HeaderRefused, OptionRefused
from xaccel.handoff.headers import cache_control, keeps_shared_caches_out

PRIVATE = [
    "PRIVATE", "Private, max-age=60", "max-age=60,private", "max-age=60 ,  private", "No-Store, max-age=0",
    "public, no-store", 'extension="a, b", private', 'extension="quoted \\" mark", no-store',
]  # fmt: skip
SHARED = [
    "public, s-maxage=1, immutable", "max-age=60, no-cache, must-revalidate", "private=x-y", 'private="x-y"',
    'Private="set-cookie", max-age=60', 'no-cache="private"', 'extension="private"', 'extension="a, private, b"',
    'extension="a, no-store', 'extension="a\\", private"', "not-private", "privately", "private; max-age=60",
    "private max-age=60", "no-store=1", ",,",
]  # fmt: skip


@pytest.mark.parametrize("value", PRIVATE)
def test_a_value_that_keeps_shared_caches_out_is_sent_as_it_is(value: str) -> None:
    assert cache_control(value, allow_shared_cache=False) == value


@pytest.mark.parametrize("value", SHARED)
def test_a_value_that_lets_shared_caches_store_must_be_asked_for(value: str) -> None:
    assert not keeps_shared_caches_out(value)
    with pytest.raises(OptionRefused, match="shared caches"):
        cache_control(value, allow_shared_cache=False)
    assert cache_control(value, allow_shared_cache=True) == value


@pytest.mark.parametrize(
    "value", ["", " private", "private ", "private\r\nX: y", "private, é", "private\x00", 60]
)
@pytest.mark.parametrize("allow_shared_cache", [True, False])
def test_a_value_that_no_header_carries_is_refused(value: str, allow_shared_cache: bool) -> None:
    with pytest.raises(HeaderRefused):
        cache_control(value, allow_shared_cache=allow_shared_cache)
