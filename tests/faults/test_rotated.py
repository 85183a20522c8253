"""Certificates, the site's secret and the storage's credentials are replaced while users download."""

from __future__ import annotations

import http.client
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.faults.clients import UnderWay, Users
from tests.faults.objects import OBJECTS
from tests.faults.own_nginx import OwnNginx, daemon_text, own_nginx
from tests.faults.topology import APP_TIMEOUT_S, Topology, app_of, write_site
from tests.faults.trail import mismatches
from xaccel_testing.servers.app import AppServer
from xaccel_testing.servers.ports import free_port
from xaccel_testing.servers.processes import wait_until

PATIENT = {f"proxy_read_timeout {APP_TIMEOUT_S}s;": "proxy_read_timeout 60s;"}
"""Requests wait while gunicorn's new workers load the app."""
NEW_SECRET = "faults-9876543210-zyxwvutsrqponmlkjihgfedcba"


@dataclass(frozen=True, slots=True)
class Site:
    """An app and an NGINX whose settings a test changes, and users of both."""

    running: Topology
    app: AppServer
    file: Path
    nginx: OwnNginx
    users: Users

    def tell_nginx(self, settings: dict[str, Any]) -> None:
        self.nginx.reload(daemon_text(self.running, settings, self.nginx.port, [self.app.address], PATIENT))

    def tell_app(self, settings: dict[str, Any]) -> None:
        """Let gunicorn replace its workers, as `systemctl reload` does."""
        write_site(self.file, settings)
        old = {*self.app.pids} - {self.app.server.pid}
        self.app.server.signal(signal.SIGHUP)
        assert wait_until(lambda: not old & {*self.app.pids}, timeout_s=60)


@pytest.fixture
def site(running: Topology, users: Users, tmp_path: Path) -> Iterator[Site]:
    file = write_site(tmp_path / "site.json", running.settings)
    with (
        app_of(running, tmp_path / "app", FAULTS_SITE=str(file)) as app,
        own_nginx(running, tmp_path / "nginx", PATIENT, app=app.address) as nginx,
    ):
        found = Site(running, app, file, nginx, Users([nginx.port]))
        under_way = UnderWay(found.users, nginx.port).begin()
        with found.users.busy():
            yield found
            assert found.users.works()
        assert under_way.finish().is_whole
        running.manage("xaccel", "ingest", str(nginx.log))
    assert [seen for seen in found.users.seen if not seen.is_whole] == []
    assert mismatches(running, found.users.seen) == []


def test_the_secret_of_the_site_is_rotated_without_a_failed_download(running: Topology, site: Site) -> None:
    old = running.settings["SECRET"]
    site.tell_nginx({**running.settings, "SECRET": [old, NEW_SECRET]})
    site.tell_app({**running.settings, "SECRET": [NEW_SECRET, old]})
    site.tell_nginx({**running.settings, "SECRET": NEW_SECRET})


def test_the_credentials_of_the_storage_are_rotated_without_a_failed_download(
    running: Topology, site: Site
) -> None:
    """The storage accepts both keys until the app has the new one. NGINX has none, so it is not reloaded."""
    access_key, secret_key = running.s3.second_key
    keys = {"access_key": access_key, "secret_key": secret_key}
    origins = {name: {**origin, **keys} for name, origin in running.settings["ORIGINS"].items()}
    site.tell_app({**running.settings, "ORIGINS": origins})
    count = len(site.users.seen)
    with running.s3.without_the_first_key():
        assert wait_until(lambda: len(site.users.seen) > count + 20, timeout_s=60)
        site.tell_app({**running.settings, "ORIGINS": origins})


def test_a_certificate_is_replaced_without_a_cut_download(
    running: Topology, users: Users, tmp_path: Path
) -> None:
    first, second = (trustme.CA() for _ in range(2))
    port, certificate = free_port(), tmp_path / "certificate.pem"
    tmp_path.chmod(0o755)

    def issue(authority: trustme.CA) -> None:
        made = authority.issue_cert("localhost")
        text = made.private_key_pem.bytes() + b"".join(blob.bytes() for blob in made.cert_chain_pems)
        certificate.write_bytes(text)

    issue(first)
    listen = f"listen 127.0.0.1:{port} ssl;\n        ssl_certificate {certificate};\n"
    listen += f"        ssl_certificate_key {certificate};\n\n        # The app."
    changes = {"# The app.": listen}
    with own_nginx(running, tmp_path / "nginx", changes) as nginx:
        large = OBJECTS["large.bin"]
        with opened(port, first, "/store/large.bin") as under_way:
            assert under_way.read(4096) == large[:4096]
            issue(second)
            addresses = [app.now.address for app in running.apps]
            nginx.reload(daemon_text(running, running.settings, nginx.port, addresses, changes))
            with opened(port, second, "/store/small.bin") as response:
                assert response.read() == OBJECTS["small.bin"]
            with pytest.raises(ssl.SSLError), opened(port, first, "/store/small.bin"):
                pass
            assert under_way.read() == large[4096:]


@contextmanager
def opened(port: int, authority: trustme.CA, path: str) -> Iterator[http.client.HTTPResponse]:
    """Request `path` over TLS; only certificates of `authority` are accepted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()
