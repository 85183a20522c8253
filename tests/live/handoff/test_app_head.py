"""The head of the app's answer: up to 24 KB NGINX reads it, and what is larger is 502."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.conftest import config_text
from tests.live.stage import SECRET
from tests.servers.origin import Answer, Request, origin_server
from xaccel import LocalOrigin, ObjectRef, Sender, Site
from xaccel_testing import NginxServer, Variant, free_port, nginx_server

CONTENT = b"%PDF- the report"


@pytest.fixture
def nginx(variant: Variant, tmp_path: Path) -> Iterator[NginxServer]:
    """NGINX before an app whose hand-off at /23 has a head of 23 KB, as a middleware might leave it."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "report.pdf").write_bytes(CONTENT)
    site = Site(origins={"media": LocalOrigin(root=str(tmp_path / "media"))}, secrets=(SECRET,))
    sender = Sender(site)

    def hand_off(request: Request) -> Answer:
        headers = sender.hand_off(ObjectRef("media", "report.pdf")).headers
        own = sum(len(name) + len(value) + 4 for name, value in headers)
        padding = "a" * (int(request.target[1:]) * 1024 - own)
        return Answer(headers=[*headers, ("X-Padding", padding)])

    port = free_port()
    with origin_server(hand_off) as app:
        text = config_text(site, variant, app.address, port)
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as server:
            yield server


def test_a_head_of_23_kb_is_read_and_one_of_25_kb_is_502_without_a_line(nginx: NginxServer) -> None:
    large, small = ask(nginx.port, "/25"), ask(nginx.port, "/23")
    assert (small.status, small.body) == (200, CONTENT)
    assert large.status == 502
    assert b"502 Bad Gateway" in large.body
    shown = large.everything().lower()
    assert [trace for trace in (b"accel", SECRET.encode(), b"aaaa", b"report") if trace in shown] == []
    assert "upstream sent too big header" in nginx.error_log
    assert [line["status"] for line in nginx.lines(at_least=1)] == ["200"]
