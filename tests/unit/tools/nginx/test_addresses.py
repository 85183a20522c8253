from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from xaccel.site import Site
from xaccel.site.origins import LocalOrigin
from xaccel.tools.nginx.pools import all_at_once, is_name, resolvers


@pytest.mark.parametrize(
    ("server", "named"), [("h.test:80", True), ("192.0.2.1:80", False), ("[::1]:80", False)]
)
def test_an_address_is_no_name(server: str, named: bool) -> None:
    assert is_name(server) == named


def test_names_are_looked_up_at_the_same_time_each_once_and_addresses_never() -> None:
    asked: list[str] = []
    together = threading.Barrier(8)

    def lookup(server: str) -> tuple[str, ...]:
        asked.append(server)
        together.wait(60)
        return (f"192.0.2.1:{server.rpartition(':')[2]}",) if server != "h3.test:3" else ()

    names = [f"h{number}.test:{number}" for number in range(8)]
    found = all_at_once(lookup, [*names, "192.0.2.9:80", *names])
    assert sorted(asked) == names
    assert found("h7.test:7") == ("192.0.2.1:7",)
    assert found("h3.test:3") == ()


def test_addresses_need_no_dns_request() -> None:
    all_at_once(lambda _: pytest.fail("asked"), ["192.0.2.9:80"])
    all_at_once(lambda _: pytest.fail("asked"), [])


def test_the_systems_dns_servers_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf, site = (
        tmp_path / "resolv.conf",
        Site(origins={"media": LocalOrigin(root="/srv")}, secrets=("s" * 32,)),
    )
    conf.write_text("# comment\nsearch example\nnameserver 192.0.2.53\nnameserver fd00::53%eth0\n")
    monkeypatch.setattr("xaccel.tools.nginx.pools.RESOLV_CONF", conf)
    assert resolvers(site) == ("192.0.2.53", "[fd00::53]")
    assert resolvers(replace(site, resolver=("127.0.0.53",))) == ("127.0.0.53",)
