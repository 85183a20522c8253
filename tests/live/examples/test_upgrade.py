"""Two releases side by side, as in a rolling upgrade: each app behind each NGINX."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.request import Request

import pytest

from tests.live.conftest import Live
from tests.live.examples import old_release
from tests.live.examples.minimal_example import EXAMPLE, Browser, manage
from xaccel.audit.log.entry import read_entry
from xaccel.audit.values import Outcome
from xaccel.site import Site
from xaccel.tools.cli import main
from xaccel_testing import app_server, free_port, nginx_server

if TYPE_CHECKING:
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

# Debian's and the wheel's, without and with njs
pytestmark = pytest.mark.variants("deb", "wheel-njs")

SIZE = 1_500_000
"""More than the buffers of NGINX hold."""
# with sessions, because Django takes half a second to check a password
SEED = f"""
import json
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from documents.models import Document
from django.test import Client
sessions = {{}}
for name in ("stranger", "reader"):
    client, user = Client(), User.objects.create(username=name)
    client.force_login(user)
    sessions[name] = client.cookies["sessionid"].value
for title, content in (('Minutes 四半期', b"%PDF- the minutes"), ("Film", bytes({SIZE}))):
    document = Document(title=title)
    document.file.save(f"{{title}} + 100%.pdf", ContentFile(content))
    document.readers.add(user)
print(json.dumps(sessions))
"""
SMALL, LARGE = "/documents/1", "/documents/2"
OLD, NEW = "old", "new"
RELEASES = (OLD, NEW)
_LISTEN, _APP = "127.0.0.1:18080", "127.0.0.1:18000"
"""In generated configurations; replaced."""


@dataclass(slots=True)
class Releases:
    """The example app on two releases, with one bucket and one database. `environ` is by release.

    sessions: of the users, by name.
    """

    environ: dict[str, dict[str, str]]
    folder: Path
    sessions: dict[str, str] = field(default_factory=dict)
    _generated: dict[tuple[str, str], str] = field(default_factory=dict)

    def manage(self, release: str, *arguments: str) -> str:
        return manage(self.environ[release], *arguments)

    def browser(self, url: str, name: str) -> Browser:
        return Browser(url, self.sessions[name])

    @contextmanager
    def app(self, release: str) -> Iterator[AppServer]:
        folder = self.folder / secrets.token_hex(4)
        folder.mkdir()
        with app_server(
            folder,
            "django.core.wsgi:get_wsgi_application()",
            env=self.environ[release],
            cwd=EXAMPLE,
            workers=1,
        ) as server:
            yield server

    def config(self, release: str, variant: Variant, apps: Sequence[AppServer], port: int) -> str:
        """Return the configuration that this release generates for an NGINX in front of the apps."""
        if (release, variant.name) not in self._generated:
            shape = ["--nginx", variant.binary, "--listen", _LISTEN, "--app", _APP]
            shape += [] if variant.njs else ["--without", "njs", "--without", "headers-more"]
            shape += ["--user", "root"] if os.geteuid() == 0 else []
            text = self.manage(release, "xaccel", "config", "--standalone", *shape)
            assert ("hand-off protocol" in text) == (release == NEW)
            self._generated[release, variant.name] = text
        text = self._generated[release, variant.name]
        servers = " ".join(f"server {app.address};" for app in apps)
        return text.replace(_LISTEN, f"127.0.0.1:{port}").replace(f"server {_APP};", servers)


@pytest.fixture(scope="session")
def releases(
    s3: S3Server, tmp_path_factory: pytest.TempPathFactory, unavailable: Callable[[str], NoReturn]
) -> Releases:
    folder = tmp_path_factory.mktemp("releases")
    try:
        installed = old_release.install(folder)
    except old_release.CommitMissing as missing:
        unavailable(str(missing))
    bucket = f"upgrade-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    new = {
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE": str(folder / "upgrade.sqlite3"),
        "S3_BUCKET": bucket,
        "S3_ENDPOINT": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DJANGO_SETTINGS_MODULE": "settings",
    }
    found = Releases({NEW: new, OLD: {**new, "PYTHONPATH": str(installed)}}, folder)
    found.sessions |= json.loads(found.manage(OLD, "shell", "-c", SEED).splitlines()[-1])
    found.manage(NEW, "check", "--fail-level", "WARNING")
    return found


@pytest.fixture(scope="session")
def apps(releases: Releases) -> Iterator[dict[str, AppServer]]:
    with ExitStack() as stack:
        yield {release: stack.enter_context(releases.app(release)) for release in RELEASES}


@contextmanager
def running_nginx(folder: Path, text: str, variant: Variant, port: int) -> Iterator[NginxServer]:
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield nginx


@pytest.mark.parametrize(("nginx", "app"), [*product(RELEASES, RELEASES)])
def test_each_app_downloads_through_each_nginx(
    request: pytest.FixtureRequest, variant: Variant, tmp_path: Path, nginx: str, app: str
) -> None:
    releases: Releases = request.getfixturevalue("releases")
    apps: dict[str, AppServer] = request.getfixturevalue("apps")
    port = free_port()
    with running_nginx(tmp_path, releases.config(nginx, variant, [apps[app]], port), variant, port) as server:
        reader, stranger = releases.browser(server.url, "reader"), releases.browser(server.url, "stranger")
        status, headers, body = reader.get(SMALL)
        assert (status, body) == (200, b"%PDF- the minutes")
        assert "%E5%9B%9B%E5%8D%8A%E6%9C%9F.pdf" in headers["Content-Disposition"]
        assert headers["Cache-Control"] == "private, no-cache"
        listed = reader.get("/")
        assert f'href="{SMALL}"'.encode() in listed[2]
        assert b"Nothing yet." in stranger.get("/")[2]
        assert stranger.get(SMALL)[0] == 404
        names = ("S3_BUCKET", "S3_ENDPOINT", "AWS_ACCESS_KEY_ID")
        traces = ["Signature", *(releases.environ[NEW][name] for name in names)]
        assert not [trace for trace in traces if trace in repr((listed, headers))]
        assert (reader.get(LARGE)[0], stranger.get("/_xaccel/default")[0]) == (200, 404)
        ranged = Request(server.url + SMALL, headers={"Range": "bytes=2-4"})
        with reader.opener.open(ranged, timeout=60) as response:
            assert (response.status, response.read()) == (206, b"DF-")
        # the trail of the new release reads the log of both; NGINX writes an entry when the client has its bytes
        server.lines(3)
        entries = [read_entry(line) for line in (tmp_path / "xaccel.log").read_bytes().splitlines()]
        assert {(entry.status, entry.outcome, entry.sent) for entry in entries} >= {
            (200, Outcome.SENT, len(body)),
            (200, Outcome.SENT, SIZE),
        }


def test_a_hand_off_of_another_protocol_is_404_and_the_doctor_says_why(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another version has another prefix, so NGINX cannot misread its headers."""
    monkeypatch.setattr(Site, "internal_prefix", "/_xaccel2/")
    reply = live.get("partner", "a.txt", put={"X-Accel-Redirect": "/_xaccel2/partner"})
    assert reply.status == 404
    assert live.places.origin.requests == []
    site = tmp_path / "site.json"
    site.write_text(json.dumps(live.places.settings))
    with pytest.raises(SystemExit, match="1"):
        main(["doctor", str(site), "--no-nginx", "--only", "XA308", "--url", live.nginx.url])
    assert "FAIL XA308" in capsys.readouterr().out
