"""Connections to origins: kept, replaced when stale, and another server when one refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.live.client import Reply
from tests.live.conftest import Live
from tests.live.stage import Stage, line_where, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant

WORKERS = 2


@pytest.mark.parametrize("origin", ["partner", "tls"])
def test_a_hundred_downloads_need_one_connection_a_worker(live: Live, origin: str) -> None:
    for _ in range(100):
        assert live.get(origin, "x").body == b"from the origin"
    asked = (live.places.origin if origin == "partner" else live.places.tls_origin).requests
    assert len(asked) == 100
    assert len({request.connection for request in asked}) <= WORKERS


def test_a_connection_that_the_origin_closed_is_replaced_unnoticed(live: Live) -> None:
    """The origin closes just when the next request arrives: NGINX has sent it and gets nothing."""
    used: set[int] = set()
    closed = []

    def once_a_connection(request: Request) -> Answer:
        if request.connection in used:
            closed.append(request.connection)
            return Answer(raw=b"")
        used.add(request.connection)
        return Answer(body=b"whole")

    live.places.origin.answer = once_a_connection
    subjects = [f"stale-{number}" for number in range(6)]
    for subject in subjects:
        assert live.get("partner", "x", options={"subject": subject}).body == b"whole"
    assert closed, "no kept connection was used, so none was found closed"
    lines = [line_where(live.nginx, "subject", subject) for subject in subjects]
    assert {(line["status"], line["origin_status"], line["why"]) for line in lines} == {("200", "200", "")}


@pytest.fixture(scope="module")
def several(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, Origin, Origin]]:
    """Origins with two servers, one of which refuses, and one where both do."""
    with (
        origin_server(lambda _: Answer(body=b"first")) as first,
        origin_server(lambda _: Answer(body=b"second")) as second,
        socket.socket() as taken,
    ):
        # bound and not listening: nobody else gets the port, and whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        refusing = f"127.0.0.1:{taken.getsockname()[1]}"
        origins = {
            "both": {"base_url": "http://store.test/", "connect_to": [first.address, second.address]},
            "one": {"base_url": "http://store.test/", "connect_to": [refusing, second.address]},
            "none": {"base_url": "http://store.test/", "connect_to": [refusing, refusing]},
        }
        with stage(tmp_path_factory.mktemp("several"), variant, origins) as running:
            yield running, first, second


def test_several_servers_share_the_work(several: tuple[Stage, Origin, Origin]) -> None:
    running, first, second = several
    assert {running.get("both").body for _ in range(10)} == {b"first", b"second"}
    assert {request.header("Host") for request in first.requests + second.requests} == {"store.test"}


def test_if_one_server_refuses_another_responds(several: tuple[Stage, Origin, Origin]) -> None:
    running, _, _ = several
    replies: list[Reply] = []
    lines = running.lines_of(lambda: replies.extend(running.get("one") for _ in range(6)))
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"second")] * 6
    assert {(line["origin_status"], line["why"]) for line in lines} == {("200", "")}


def test_where_all_refuse_the_user_gets_the_plain_page(several: tuple[Stage, Origin, Origin]) -> None:
    running, _, _ = several
    for _ in range(3):  # from the second on, NGINX knows that none is alive
        reply = running.get("none", options={"filename": "secret-name.txt"})
        assert (reply.status, reply.body) == (502, b"The storage did not deliver the file.\n")
        assert reply.one("Content-Disposition") is None
