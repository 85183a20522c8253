"""Names of origins: followed by an NGINX that can, written and refreshed for one that cannot."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.client import ask, send_target
from tests.live.conftest import Places, build_of, config_text
from xaccel.errors import NginxError
from xaccel.nginx import Directive, Parts, emit, render
from xaccel.nginx.config_folder import refresh, texts, write
from xaccel.nginx.pools import resolvers
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin
from xaccel_testing import AppServer, NginxServer, Variant, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until


def named_site(places: Places) -> Site:
    """The site of the live tests, with one origin whose host is a name that nobody resolves."""
    partner = HTTPOrigin(base_url=f"http://nowhere.invalid:{places.origin.port}/files/")
    return replace(
        places.site, origins={**places.site.origins, "partner": partner}, resolver=("127.0.0.1:1",)
    )


@contextmanager
def running(
    variant: Variant, site: Site, app: AppServer, folder: Path, *addresses: str, **more: bool
) -> Iterator[NginxServer]:
    """Run NGINX with the site, each of whose names has these addresses."""
    port, parts = free_port(), render(site, build_of(variant), lookup=lambda _: addresses, **more)
    text = config_text(site, variant, app.address, port, parts=parts)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield nginx


def test_a_name_that_does_not_resolve_fails_its_own_downloads_only(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    places.s3.put(places.bucket, "dns.txt", b"here")
    with running(variant, named_site(places), app, tmp_path) as nginx:
        assert ask(nginx.port, send_target({"origin": "documents", "key": "dns.txt"})).body == b"here"
        # The app of the live tests knows the origin under its address, so the URL is put in its place.
        asked = {
            "origin": "partner",
            "key": "x",
            "put": {"Xaccel-Url": f"http://nowhere.invalid:{places.origin.port}/files/x"},
        }
        reply = ask(nginx.port, send_target(asked))
        assert (reply.status, reply.body) == (502, b"The file store did not deliver the file.\n")


def test_an_address_written_for_a_name_is_used(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    name, known = f"nowhere.invalid:{places.origin.port}", places.origin.address
    with running(variant, named_site(places), app, tmp_path, known, write_addresses=True) as nginx:
        asked = {"origin": "partner", "key": "x", "put": {"Xaccel-Url": f"http://{name}/files/x"}}
        assert ask(nginx.port, send_target(asked)).status == 200
        assert places.origin.requests[-1].header("Host") == name


def test_only_an_nginx_that_follows_dns_is_given_a_name(variant: Variant, places: Places) -> None:
    site = named_site(places)
    build = build_of(variant)
    text = emit(render(site, build, lookup=lambda _: ("192.0.2.1:80",)).http)
    follows = f"server nowhere.invalid:{places.origin.port} resolve;" in text
    assert follows == build.has("server NAME resolve") == variant.name.startswith("wheel")
    assert ("server 192.0.2.1:80;" in text) == (not follows)


def included(site: Site, variant: Variant, folder: Path, port: int, app: AppServer) -> str:
    """A configuration that includes the written files, as an operator's does."""
    http, server, of_app = (
        (Directive("include", (f"{folder}/xaccel/{name}.conf",)),) for name in ("http", "site/server", "app")
    )
    parts = Parts(engine=http, http=(), server=server, app=of_app)
    return config_text(site, variant, app.address, port, parts=parts)


def test_refresh_reloads_only_what_changed_and_what_nginx_accepts(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    site, build, folder = places.site, build_of(variant), tmp_path / "xaccel"
    write(texts(site, build, folder, write_addresses=True), folder)
    port = free_port()
    text = included(site, variant, tmp_path, port, app)
    command = [variant.binary, "-p", f"{tmp_path}/", "-c", "nginx.conf", "-e", "stderr"]
    with nginx_server(tmp_path, text, binary=variant.binary, ready_port=port) as nginx:
        # a cache has two processes of its own, which start after the workers
        processes = 1 + 2 + (2 if site.cache is not None else 0)
        assert wait_until(lambda: len(nginx.pids) == processes, timeout_s=60), nginx.pids
        workers = set(nginx.pids)
        assert refresh(texts(site, build, folder, write_addresses=True), folder, command) == []
        assert set(nginx.pids) == workers

        other = replace(site, transfer_log="other.log")
        changed = refresh(texts(other, build, folder, write_addresses=True), folder, command)
        assert {path.parent.name for path in changed} == {"site"}
        assert wait_until(
            lambda: nginx.pid in nginx.pids and not workers - {nginx.pid} <= set(nginx.pids), timeout_s=60
        )

        before = (folder / "http.conf").read_text()
        broken = {**texts(other, build, folder), folder / "http.conf": "nonsense;\n"}
        with pytest.raises(NginxError, match="unknown directive"):
            refresh(broken, folder, command)
        assert (folder / "http.conf").read_text() == before
        assert ask(port, "/page").status == 200
        os.kill(nginx.pid, signal.SIGHUP)
        assert wait_until(lambda: ask(port, "/page").status == 200, timeout_s=60)


def test_only_the_secrets_are_for_their_owner_alone(variant: Variant, places: Places, tmp_path: Path) -> None:
    for path in write(texts(places.site, build_of(variant), tmp_path), tmp_path):
        assert path.stat().st_mode & 0o077 == (0 if path.name.startswith("secret") else 0o044)


def test_the_systems_dns_servers_are_the_default(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# comment\nsearch example\nnameserver 192.0.2.53\nnameserver fd00::53%eth0\n")
    monkeypatch.setattr("xaccel.nginx.pools.RESOLV_CONF", conf)
    assert resolvers(places.site) == ("192.0.2.53", "[fd00::53]")
    assert resolvers(replace(places.site, resolver=("127.0.0.53",))) == ("127.0.0.53",)
