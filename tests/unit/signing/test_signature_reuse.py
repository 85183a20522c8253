"""A signature is used again for the same request, for seconds, and never for another one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.senders import sender
from xaccel import ObjectRef
from xaccel.signing.signer import MOST, S3Signer, _kept, longest_s

NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)
URL = "http://127.0.0.1:9000/docs/a.pdf"
KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "secret", None)


def signer(**given: Any) -> S3Signer:
    return S3Signer(**{"region": "us-east-1", "expires_s": 120, "reuse_s": 10, **given})


def at(signed: str) -> datetime:
    (stamp,) = parse_qs(urlsplit(signed).query)["X-Amz-Date"]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@given(st.integers(0, 30), st.integers(-30, 30))
def test_a_signature_is_at_most_ten_seconds_old_and_never_of_the_future(second: int, age_s: int) -> None:
    one, now = signer(), NOON + timedelta(seconds=second)
    for moment in (now, now + timedelta(seconds=age_s)):
        assert timedelta() <= moment - at(one.sign(URL, "GET", KEYS, moment)) < timedelta(seconds=10)


def test_requests_within_ten_seconds_share_a_signature() -> None:
    seen = [at(signer().sign(URL, "GET", KEYS, NOON + timedelta(seconds=second))) for second in range(13)]
    assert seen == [NOON] * 10 + [NOON + timedelta(seconds=10)] * 3


OTHERS: list[tuple[str, str, ReadOnlyCredentials, dict[str, Any]]] = [
    (URL + "x", "GET", KEYS, {}),
    (URL + "?versionId=2", "GET", KEYS, {}),
    (URL, "HEAD", KEYS, {}),
    (URL, "GET", ReadOnlyCredentials("AKIDOTHER", "secret", None), {}),
    (URL, "GET", ReadOnlyCredentials("AKIDEXAMPLE", "rotated", None), {}),
    (URL, "GET", ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token"), {}),
    (URL, "GET", KEYS, {"region": "eu-west-1"}),
    (URL, "GET", KEYS, {"expires_s": 121}),
    (URL, "GET", KEYS, {"request_payer": True}),
]


@pytest.mark.parametrize(("url", "method", "credentials", "given"), OTHERS)
def test_another_request_gets_another_signature(
    url: str, method: str, credentials: ReadOnlyCredentials, given: dict[str, Any]
) -> None:
    signer().sign(URL, "GET", KEYS, NOON)
    alone = signer(**given, reuse_s=0).sign(url, method, credentials, NOON)
    assert signer(**given).sign(url, method, credentials, NOON + timedelta(seconds=1)) == alone


def test_only_so_many_are_kept() -> None:
    for number in range(MOST + 1):
        signer().sign(f"{URL}{number}", "GET", KEYS, NOON)
    assert _kept.cache_info().currsize == MOST


def test_a_short_life_is_used_up_by_a_tenth_at_most() -> None:
    assert [longest_s(life) for life in (1, 50, 100, 120, 604800)] == [0.1, 5, 10, 10, 10]


def test_hand_offs_of_one_object_share_a_signature_and_no_transfer_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xaccel.sender.datetime", SimpleNamespace(now=lambda zone: NOON))
    _kept.cache_clear()
    one = sender()
    requests = [("a", "GET"), ("a", "GET"), ("b", "GET"), ("a", "HEAD"), ("a", "GET")]
    made = [one.hand_off(ObjectRef("docs", key), method=method) for key, method in requests]
    assert _kept.cache_info().misses == 3
    assert made[0].target == made[1].target == made[4].target
    assert len({each.target for each in made}) == 3
    assert len({each.event.transfer_id for each in made}) == 5


def test_many_threads_get_whole_signatures() -> None:
    one, found, gate = signer(), set[str](), threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for number in range(200):
            found.add(one.sign(f"{URL}{number % 50}", "GET", KEYS, NOON))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {signer(reuse_s=0).sign(f"{URL}{number}", "GET", KEYS, NOON) for number in range(50)}
