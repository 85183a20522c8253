"""The operator's own access_log beside slices: one line a transfer in ours and in his, and his `if=` means the same."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.live.conftest import build_of
from tests.live.guest import operators_text
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, origin_server
from xaccel.servers.processes import wait_until
from xaccel.testing import Variant

SLICE = 65_536
BODY = bytes(range(251)) * 1_000
"""3.8 slices."""
SECOND = f"bytes={SLICE}-{2 * SLICE - 1}"
HIS = """
    map $http_x_quiet $his_loud { default 1; 1 0; 2 ""; }
    log_format his '$status $body_bytes_sent $request';
    log_subrequest on;
"""
"""He logs subrequests of his own, and not everybody's."""
LOGS = [
    "his.log his",
    "his-loud.log his if=$his_loud",
    "his-buffered.log his buffer=4k flush=1s if=$his_loud",
]


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    with origin_server(lambda request: serve(request, BODY)) as origin:
        text = operators_text(variant, http=HIS)
        settings = {"cache": {"path": "cache", "slice": "64k"}, "access_logs": LOGS}
        store = {"store": {"base_url": f"{origin.url}/", "cache": True}}
        with stage(tmp_path_factory.mktemp("logs"), variant, store, write=text, **settings) as made:
            yield made, origin


@pytest.mark.parametrize("failing", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("quiet", ["", "1", "2"])
def test_each_log_has_one_line_of_a_transfer_or_none(
    running: tuple[Stage, Origin], quiet: str, failing: bool
) -> None:
    made, origin = running
    mark, slices = f"log-{uuid4()}", build_of(made.variant).slice
    origin.requests.clear()
    origin.answer = lambda request: (
        Answer(status=403) if failing and request.header("Range") == SECOND else serve(request, BODY)
    )
    headers = {"X-Quiet": quiet} if quiet else {}

    def download() -> None:
        with suppress(http.client.IncompleteRead):
            made.get(
                "store", options={"cache_version": mark, "size": len(BODY), "subject": mark}, headers=headers
            )

    (line,) = made.lines_of(download)
    assert len(ranges(origin.requests)) == ((2 if failing else 4) if slices else 1)
    assert len([one for one in made.nginx.lines() if one["subject"] == mark]) == 1
    sent = str(line["body_bytes"])
    for log in LOGS:
        name, loud = log.split()[0], "if=" not in log or not quiet

        def found(name: str = name) -> list[str]:
            return [text for text in (made.nginx.directory / name).read_text().splitlines() if mark in text]

        if loud:
            assert wait_until(lambda found=found: bool(found()), timeout_s=5), name
            assert [text.split()[:2] for text in found()] == [[line["status"], sent]], name
        else:
            assert found() == [], name
