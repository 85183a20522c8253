"""The operator's own access_log beside slices: one line a transfer in ours and in his."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.live.conftest import build_of
from tests.live.front.guest import operators_text
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, cached_stage
from tests.servers.origin import Answer, Origin
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

SLICE = 65_536
BODY = bytes(range(251)) * 1_000
"""3.8 slices."""
SECOND = f"bytes={SLICE}-{2 * SLICE - 1}"
HIS = """
    log_format his '$status $body_bytes_sent $request';
    log_subrequest on;
"""
"""He logs subrequests of his own."""
LOGS = [
    "his.log his",
    "his-buffered.log his buffer=4k flush=1s",
]


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    with cached_stage(
        tmp_path_factory.mktemp("logs"),
        variant,
        lambda request: serve(request, BODY),
        cache={"slice": "64k"},
        access_logs=LOGS,
        write=operators_text(variant, http=HIS),
    ) as made:
        yield made


@pytest.mark.parametrize("failing", [False, True], ids=["whole", "cut"])
def test_each_log_has_one_line_of_a_transfer(running: tuple[Stage, Origin], failing: bool) -> None:
    made, origin = running
    mark, slices = f"log-{uuid4()}", "slice" in build_of(made.variant).modules
    origin.requests.clear()
    origin.answer = lambda request: (
        Answer(status=403) if failing and request.header("Range") == SECOND else serve(request, BODY)
    )

    def download() -> None:
        with suppress(http.client.IncompleteRead):
            made.get("store", options={"cache_version": mark, "size": len(BODY), "subject": mark})

    (line,) = made.lines_of(download)
    assert len(ranges(origin.requests)) == ((2 if failing else 4) if slices else 1)
    assert len(made.nginx.lines(containing=f'"subject":"{mark}"')) == 1
    sent = str(line["body_bytes"])
    for log in LOGS:
        name = log.split()[0]

        def found(name: str = name) -> list[str]:
            return [text for text in (made.nginx.directory / name).read_text().splitlines() if mark in text]

        assert wait_until(lambda found=found: bool(found()), timeout_s=60), name
        assert [text.split()[:2] for text in found()] == [[line["status"], sent]], name
