"""A coroutine that hands off keeps the event loop for a few milliseconds, whatever the origin and the bucket."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import session

from tests.loop_time import MOST_MS, longest_turn_ms
from xaccel import ObjectRef, Sender
from xaccel.asgi import Downloads
from xaccel.signing.endpoint import WouldWait, without_waiting
from xaccel.site.read_mapping import site_of

S3 = {"type": "s3", "region": "eu-central-1", "access_key": "k", "secret_key": "s"}
SITE = {
    "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {
        "plain": {**S3, "bucket": "acme-*"},
        "dotted": {**S3, "bucket": "acme.*.files"},
        "minio": {**S3, "bucket": "shop-*", "endpoint_url": "https://minio.example"},
        "virtual": {
            **S3,
            "bucket": "team-*",
            "endpoint_url": "https://s3.example",
            "addressing_style": "virtual",
        },
        "web": {"type": "http", "base_url": "https://files.example/"},
        "disk": {"type": "local", "root": "/srv"},
    },
}
BUCKETS = {
    "plain": ["acme-7", "acme-a--b"],
    "dotted": ["acme.seven.files", "acme.a--b.files"],
    "minio": ["shop-7", "shop-a--b"],
    "virtual": ["team-7", "team-a--b"],
}
CALLS: list[dict[str, Any]] = [
    # botocore resolves the second of each pair by itself
    *({"key": "a.pdf", "origin": name, "bucket": many[1]} for name, many in BUCKETS.items()),
    {"url": "https://acme-c--d.s3.eu-central-1.amazonaws.com/a.pdf"},
    {"key": "a.pdf", "origin": "web"},
    {"key": "a.pdf", "origin": "disk"},
    {"url": lambda _: "https://files.example/a.pdf?sig=1", "origin": "web"},
]
FIRST = {"key": "a", "origin": "plain", "bucket": "acme-1"}
"""Its request loads the modules and the credentials."""
pytestmark = pytest.mark.usefixtures("fresh_endpoints")


@pytest.fixture
def _botocore_reads_its_data_as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: Any = session.create_loader
    monkeypatch.setattr(session, "create_loader", shared.__wrapped__)


@pytest.mark.usefixtures("_botocore_reads_its_data_as_in_production")
def test_no_new_place_keeps_the_loop_from_others() -> None:
    files = Downloads(SITE)
    sent: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    def turn_ms(call: dict[str, Any]) -> float:
        return longest_turn_ms(lambda: files.asend_file({"method": "GET", "headers": []}, send, **call))

    turn_ms(FIRST)
    long = {str(call): ms for call in CALLS if (ms := turn_ms(call)) >= MOST_MS}
    assert long == {}
    assert sent == [200] * (1 + len(CALLS))


def test_a_new_bucket_is_not_ready_and_then_is() -> None:
    one = Sender(site_of(SITE))
    for name, buckets in BUCKETS.items():
        for bucket in buckets:
            ref = ObjectRef(name, "a", bucket=bucket)
            one.hand_off(ObjectRef(name, "a", bucket=buckets[0]))
            if bucket != buckets[0]:
                assert not one.is_ready(ref)
                one.hand_off(ref)
            assert one.is_ready(ref)


def test_waiting_is_forbidden_only_in_the_block() -> None:
    one = Sender(site_of(SITE))
    ref = ObjectRef("plain", "a", bucket="acme-e--f")
    with pytest.raises(WouldWait), without_waiting():
        one.places.locate(ref)
    assert one.places.locate(ref).target == "https://acme-e--f.s3.eu-central-1.amazonaws.com/a"


def test_an_object_that_is_refused_is_ready_to_be_refused() -> None:
    one = Sender(site_of(SITE))
    one.hand_off(ObjectRef("plain", "a", bucket="acme-1"))
    assert one.is_ready(ObjectRef("plain", "a", bucket="other"))
