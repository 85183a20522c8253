"""Buffers: NGINX takes what the setting takes, whatever an operator says outside, and a download passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine_text import expanded
from tests.live.conftest import build_of
from tests.live.front.guest import operators_text
from tests.live.stage import set_everywhere, stage
from tests.servers.origin import Answer, origin_server
from tests.unit.site.buffer_values import REFUSED, TAKEN
from xaccel.errors import NginxError
from xaccel.site.rules import split_buffers as split
from xaccel.tools.nginx import Parts, emit, render
from xaccel_testing import Variant

BODY = b"0123456789abcdef" * 200_000
OUTER = [
    "proxy_temp_file_write_size 4k;",
    "proxy_busy_buffers_size 4k;",
    "proxy_buffers 2 4k; proxy_busy_buffers_size 4k;",
    "proxy_buffers 64 4k; proxy_busy_buffers_size 252k; proxy_temp_file_write_size 252k;",
    "proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;",
    "proxy_max_temp_file_size 0;",
]
"""All of them NGINX takes where it stands alone."""


@pytest.mark.parametrize("outer", OUTER)
def test_no_outer_setting_of_an_operator_stops_the_start(
    variant: Variant, tmp_path: Path, outer: str
) -> None:
    with origin_server(lambda _: Answer(body=BODY)) as origin:
        text = operators_text(variant, http=outer)
        with stage(
            tmp_path / "nginx", variant, {"store": {"base_url": f"{origin.url}/"}}, write=text
        ) as running:
            assert running.get("store").body == BODY


@pytest.mark.parametrize("buffers", TAKEN)
def test_every_number_that_is_taken_delivers(variant: Variant, tmp_path: Path, buffers: str) -> None:
    with (
        origin_server(lambda _: Answer(body=BODY)) as origin,
        stage(
            tmp_path / "nginx", variant, {"store": {"base_url": f"{origin.url}/"}}, buffers=buffers
        ) as running,
    ):
        assert running.get("store").body == BODY
        count, size = split(buffers)
        text = emit(expanded(render(running.site, build_of(variant)).server))
        assert f"proxy_buffers {count} {size}k;" in text


@pytest.mark.parametrize("buffers", ["1 16k", "2 8k", "4 4k"])
def test_buffers_that_xaccel_refuses_as_too_few_nginx_refuses_too(
    variant: Variant, tmp_path: Path, buffers: str
) -> None:
    assert buffers in REFUSED

    def change(parts: Parts) -> Parts:
        count, size = split(buffers)
        # the least that NGINX takes beside proxy_buffer_size
        parts = set_everywhere(parts, "proxy_busy_buffers_size", "16k")
        return set_everywhere(parts, "proxy_buffers", str(count), f"{size}k")

    with (
        pytest.raises(NginxError, match="proxy_b"),
        stage(tmp_path / "nginx", variant, {"store": {"base_url": "http://127.0.0.1:1/"}}, change=change),
    ):
        pass
