"""Redirects to names: exact ones through a pool, a suffix by DNS at each transfer, never by what looks like it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.conftest import fine
from tests.live.origin.dns_server import Names, dns_server
from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until


@dataclass
class Cdn:
    stage: Stage
    origin: Origin
    edge: Origin
    names: Names

    def lead(self, location: str) -> None:
        self.origin.answer = lambda _: Answer(status=302, headers=[("Location", location)])


@pytest.fixture(scope="module")
def cdn(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cdn]:
    with ExitStack() as running:
        names = running.enter_context(dns_server())
        origin = running.enter_context(origin_server(fine))
        edge = running.enter_context(origin_server(fine))
        here = ("a.cdn.test", "deep.b.cdn.test", "evilcdn.test")
        names.known = {**dict.fromkeys(here, "127.0.0.1"), "private.cdn.test": ""}
        options = {"base_url": f"{origin.url}/", "redirect_hosts": [f"*.cdn.test:{edge.port}"]}
        running_stage = running.enter_context(
            stage(tmp_path_factory.mktemp("cdn"), variant, {"files": options}, resolver=[names.address])
        )
        yield Cdn(running_stage, origin, edge, names)


@pytest.mark.parametrize("host", ["deep.b.cdn.test", "A.CDN.test"])
def test_a_name_under_the_suffix_is_followed(cdn: Cdn, host: str) -> None:
    cdn.lead(f"http://{host}:{cdn.edge.port}/x?y")
    assert cdn.stage.get("files").status == 200
    assert cdn.edge.requests[-1].target == "/x?y"
    assert (cdn.edge.requests[-1].header("Host") or "").lower() == f"{host.lower()}:{cdn.edge.port}"


@pytest.mark.parametrize("host", ["evilcdn.test", "a.cdn.test.evil.test"])
def test_a_name_that_only_resembles_an_allowed_one_is_refused(cdn: Cdn, host: str) -> None:
    cdn.lead(f"http://{host}:{cdn.edge.port}/x")
    before, asked = len(cdn.edge.requests), len(cdn.names.asked)
    reply, line = cdn.stage.logged("files")
    assert (reply.status, line["why"]) == (502, "redirect_refused")
    assert (len(cdn.edge.requests), len(cdn.names.asked)) == (before, asked)


def test_another_port_than_the_named_one_is_refused(cdn: Cdn) -> None:
    cdn.lead(f"http://a.cdn.test:{cdn.origin.port}/x")
    assert cdn.stage.get("files").status == 502


@pytest.mark.parametrize("host", ["gone.cdn.test", "private.cdn.test"])
def test_a_name_without_an_address_is_a_plain_502(cdn: Cdn, host: str) -> None:
    """It does not exist, or has private addresses only, which the DNS server drops."""
    cdn.lead(f"http://{host}:{cdn.edge.port}/x")
    before = len(cdn.edge.requests)
    reply = cdn.stage.get("files")
    assert (reply.status, reply.body) == (502, b"The storage did not deliver the file.\n")
    assert (host in cdn.names.asked, len(cdn.edge.requests)) == (True, before)


def test_an_origin_with_a_name_follows_dns_if_nginx_can(variant: Variant, tmp_path: Path) -> None:
    """1.27.3 and newer: the name may appear and move without a reload. Older: `xaccel refresh`."""
    with (
        dns_server() as names,
        origin_server(fine) as first,
        stage(
            tmp_path,
            variant,
            {"files": {"base_url": f"http://moving.test:{first.port}/"}},
            resolver=[names.address],
        ) as running,
    ):
        assert running.get("files").status == 502
        names.known["moving.test"] = "127.0.0.1"
        appears = wait_until(
            lambda: running.get("files").status == 200, timeout_s=60 if follows(variant) else 1
        )
        assert appears == follows(variant)


def follows(variant: Variant) -> bool:
    return variant.name.startswith("wheel")
