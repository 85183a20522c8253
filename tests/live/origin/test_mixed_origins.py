"""Origins of one host that differ in TLS: none is sent over a connection that its own settings would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, origin_server
from xaccel_testing import Variant

WORKERS = 2


@pytest.fixture(scope="module")
def one_host(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    """Origins at one host and port whose certificate some of them accept."""
    folder = tmp_path_factory.mktemp("one-host")
    for name in ("right", "stranger"):
        (folder / name).mkdir()
    with ExitStack() as servers:
        host, stranger = (
            servers.enter_context(origin_server(lambda _: Answer(body=b"TLS"), tls_directory=folder / name))
            for name in ("right", "stranger")
        )
        right = host.tls_options()
        common = {name: right[name] for name in ("base_url", "connect_to")}
        origins = {
            "careless": {**common, "verify_tls": False},
            "right": right,
            "right-too": {**right, "base_url": f"{right['base_url']}b/"},
            "stranger": {**common, "ca_file": str(stranger.ca_file)},
            "system": common,
        }
        yield servers.enter_context(stage(folder / "nginx", variant, origins)), host


def test_no_connection_is_reused_for_an_origin_with_other_settings(
    one_host: tuple[Stage, Origin],
) -> None:
    running, host = one_host
    host.requests.clear()
    for _ in range(6):
        for name in ("careless", "right"):
            assert running.get(name).body == b"TLS"
        for name in ("stranger", "system"):
            reply, line = running.logged(name)
            assert (line["why"], reply.status) == ("origin_failed", 502), name
    assert len(host.requests) == 12


def test_origins_of_one_host_share_connections_if_tls_is_the_same(one_host: tuple[Stage, Origin]) -> None:
    running, host = one_host
    used: dict[str, set[int]] = {"careless": set(), "right": set(), "right-too": set()}
    for _ in range(6):
        for name, connections in used.items():
            host.requests.clear()
            running.get(name)
            connections.add(host.requests[0].connection)
    assert not used["careless"] & (used["right"] | used["right-too"])
    assert len(used["careless"]) <= WORKERS
    assert len(used["right"] | used["right-too"]) <= WORKERS
