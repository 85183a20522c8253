"""Transfers at once where the cache is on: kept or not, whole or in slices, each counts once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.live.conftest import build_of
from tests.live.limits.held import PAGE, held
from tests.live.objects import serve
from tests.live.stage import Stage, cached_stage, target
from tests.servers.origin import Origin
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

SLICE = 65_536
LARGE = bytes(range(256)) * 256 * 8
"""Eight slices, where there are slices."""
SMALL = LARGE[:SLICE]


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    directory = tmp_path_factory.mktemp("limits")
    with cached_stage(
        directory, variant, lambda request: serve(request, LARGE), cache={"slice": "64k"}, concurrency=2
    ) as made:
        yield made


@pytest.mark.parametrize("kept", [False, True], ids=["cold", "kept"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_a_transfer_counts_once_kept_or_not(running: tuple[Stage, Origin], body: bytes, kept: bool) -> None:
    """Two that have come to a later slice are two, and the third one asks no origin."""
    made, origin = running
    origin.answer = lambda request: serve(request, body)
    options = {"cache_version": f"{len(body)} {kept}", "size": len(body), "subject": f"{len(body)} {kept}"}
    slow = {**options, "limit_rate": 1000, "limit_rate_after": len(body) // 2}
    if kept:
        assert made.get("store", options={**options, "subject": ""}).body == body
    origin.requests.clear()
    with held(made.nginx.port, [target("store", options=slow)] * 2):
        if not kept:
            origin.wait_for(4 if body is LARGE and "slice" in build_of(made.variant).modules else 1)
        reply, line = made.logged("store", options=options)
    assert (reply.status, reply.body, reply.one("Retry-After")) == (429, PAGE, "1")
    assert (line["status"], line["why"], line["origin_status"]) == ("429", "limited", "")
    assert wait_until(lambda: made.get("store", options=options).body == body, timeout_s=60)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_the_rate_limits_cached_objects(running: tuple[Stage, Origin], body: bytes) -> None:
    made, origin = running
    origin.answer = lambda request: serve(request, body)
    options = {"cache_version": f"rate {len(body)}", "size": len(body)}
    _, line = made.logged("store", options=options)
    assert line["body_bytes"] == len(body)
    before = time.monotonic()
    _, line = made.logged("store", options={**options, "limit_rate": len(body) // 2})
    seconds = time.monotonic() - before
    assert line["cache"] == "HIT"
    assert seconds >= 1
