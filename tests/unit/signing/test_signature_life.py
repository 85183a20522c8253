"""A signature outlives the transfer in slices, or there are no slices. docs/reference/vectors.json has the lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xaccel import HTTPOrigin, S3Origin
from xaccel.options import Options
from xaccel.signing.signer import MARGIN_S, Life, choose_life, transfer_s
from xaccel.site import Cache
from xaccel.site.rules import MAX_EXPIRES_S

CACHE = Cache(path="c", slice="4m", slowest_rate=65_536)
BUCKET = S3Origin(bucket="b", cache=True, expires_s=120)
SERVER = HTTPOrigin(base_url="https://h.example/", cache=True)
GIB = 1 << 30
WHOLE = Life(0, slices=False)


def always(_: int) -> bool:
    return True


def options(**more: int | str | None) -> Options:
    return Options(**{"size": GIB, **more})  # type: ignore[arg-type]


def test_only_an_object_that_is_known_to_be_larger_than_a_slice_is_sliced() -> None:
    """One client's 256 MB in slices of 64 KB took 316 MB of a worker, and nothing bounded it."""
    assert choose_life(SERVER, options(size=None), CACHE, always) == WHOLE
    assert choose_life(SERVER, options(), CACHE, always) == Life(0, slices=True)
    assert choose_life(SERVER, options(size=1), CACHE, always) == WHOLE
    leading = HTTPOrigin(base_url="https://h.example/", cache=True, redirect_hosts=("cdn.example",))
    assert choose_life(leading, options(), CACHE, always) == WHOLE
    assert choose_life(SERVER, options(), Cache(path="c", slice="0"), always) == WHOLE


@given(
    size=st.integers(0, 1 << 50),
    slowest=st.integers(1, 1 << 30),
    rate=st.none() | st.integers(1, 1 << 40),
    left_s=st.integers(-1000, 2 * MAX_EXPIRES_S),
    expires_s=st.integers(1, MAX_EXPIRES_S),
)
def test_slices_never_outlive_signature_or_credentials(
    size: int, slowest: int, rate: int | None, left_s: int, expires_s: int
) -> None:
    cache = Cache(path="c", slice="1m", slowest_rate=slowest)
    origin = S3Origin(bucket="b", cache=True, expires_s=expires_s)
    life = choose_life(origin, options(size=size, limit_rate=rate), cache, lambda s: s <= left_s)
    if not life.slices:
        assert life.expires_s == expires_s
        return
    slowest_s = size / min(slowest, rate or slowest)
    assert slowest_s + expires_s <= life.expires_s <= min(MAX_EXPIRES_S, left_s - MARGIN_S)


@given(st.integers(0, 1 << 60), st.integers(1, 1 << 40))
def test_seconds_are_rounded_up(size: int, rate: int) -> None:
    seconds = transfer_s(size, rate, None)
    assert (seconds - 1) * rate < size <= seconds * rate


def test_the_sites_own_rate_counts_where_the_app_gives_none() -> None:
    slow = choose_life(BUCKET, options(), CACHE, always, limit_rate=10_000)
    assert slow.expires_s == 120 + 107_375
    assert (
        choose_life(BUCKET, options(limit_rate="unlimited"), CACHE, always, limit_rate=10_000).expires_s
        == 16_504
    )


def test_the_apps_signature_is_not_extended_for_slices() -> None:
    needed_s = GIB // 65_536 + MARGIN_S
    for expires_s, sliced in ((needed_s, True), (needed_s - 1, False)):
        origin = HTTPOrigin(base_url="https://h.example/", cache=True, expires_s=expires_s)
        assert choose_life(origin, options(), CACHE, always) == Life(0, slices=sliced)
        assert choose_life(origin, options(size=None), CACHE, always) == WHOLE
