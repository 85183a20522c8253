from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.config.golden import BUILDS
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin
from xaccel.tools.nginx import config_folder
from xaccel.tools.nginx.pools import all_at_once, is_name, names_of, resolvers, routes


@pytest.mark.parametrize(
    ("server", "named"), [("h.test:80", True), ("192.0.2.1:80", False), ("[::1]:80", False)]
)
def test_an_address_is_no_name(server: str, named: bool) -> None:
    assert is_name(server) == named


def test_names_are_looked_up_at_the_same_time() -> None:
    asked: list[str] = []
    together = threading.Barrier(8)

    def lookup(server: str) -> tuple[str, ...]:
        asked.append(server)
        together.wait(60)
        return (f"192.0.2.1:{server.rpartition(':')[2]}",) if server != "h3.test:3" else ()

    names = [f"h{number}.test:{number}" for number in range(8)]
    found = all_at_once(lookup, names)
    assert sorted(asked) == names
    assert found("h7.test:7") == ("192.0.2.1:7",)
    assert found("h3.test:3") == ()


def test_each_name_is_looked_up_once_and_addresses_never() -> None:
    names = ("h.test:80", "192.0.2.9:80", "h.test:443")
    stores = {
        str(n): HTTPOrigin(base_url="http://h.test/", connect_to=(name,)) for n, name in enumerate(names * 2)
    }
    assert names_of(routes(Site(origins=stores, secrets=("s" * 32,)))) == ["h.test:80", "h.test:443"]
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


def written(site: Site, folder: Path) -> str:
    """Write the files again, and return the upstream of the storage."""
    made = config_folder.texts(site, BUILDS["deb-njs"], folder, write_addresses=True)
    config_folder.write(made, folder)
    text = (folder / "site" / "http.conf").read_text()
    return text[text.index("upstream ") :].partition("}")[0]


def test_addresses_stay_while_dns_does_not_respond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `server … resolve` of a newer NGINX: otherwise a short outage of DNS ends all downloads."""
    replies: list[str | int] = []

    def lookup(*_: object, **__: object) -> list[object]:
        if isinstance(reply := replies.pop(0), int):
            raise socket.gaierror(reply, "no address")
        return [(None, None, None, "", (reply, 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    store = HTTPOrigin(base_url="http://h.test/")
    site, folder = Site(origins={"store": store}, secrets=("s" * 32,)), tmp_path / "xaccel"
    replies += [socket.EAI_AGAIN, "192.0.2.7", socket.EAI_AGAIN, "192.0.2.8", socket.EAI_NONAME]
    assert "server 127.0.0.1:1 down;" in written(site, folder)
    known = written(site, folder)
    assert "server 192.0.2.7:80;" in known
    assert written(site, folder) == known
    assert "server 192.0.2.8:80;" in written(site, folder)
    # a name that is gone: its address may be another user's by now
    assert "server 127.0.0.1:1 down;" in written(site, folder)
    assert not replies
