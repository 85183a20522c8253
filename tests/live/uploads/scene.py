"""A site that takes uploads: an S3 server, an app, and NGINX between them and the client."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.json_lines import entries
from tests.live import commands
from tests.live.client import Reply, ask
from tests.live.conftest import ROOT, config_text
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx.emit import Directive, directive
from xaccel_testing import AppServer, NginxServer, S3Server, Variant, app_server, free_port, nginx_server
from xaccel_testing.servers.app import Kind
from xaccel_testing.servers.processes import wait_until

SECRET = "uploads-0123456789-abcdefghijklmnopqrstuvwxyz"


def crc32_of(body: bytes) -> str:
    """The CRC-32 of a body, as the header has it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@dataclass
class Scene:
    """One running site."""

    folder: Path
    site: Site
    s3: S3Server
    bucket: str
    nginx: NginxServer
    app: AppServer

    def put(
        self,
        body: bytes,
        path: str = "/files/a",
        headers: Mapping[str, str] | None = None,
        user: str = "alice",
    ) -> Reply:
        """Send a file."""
        return ask(self.nginx.port, path, "PUT", {"X-User": user, **(headers or {})}, body)

    def begin(self, headers: Mapping[str, str], sent: bytes, path: str = "/files/a") -> socket.socket:
        """Send the head of a PUT and some bytes, and return the connection."""
        lines = [
            f"PUT {path} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{k}: {v}" for k, v in headers.items()),
            "",
            "",
        ]
        connection = socket.create_connection(("127.0.0.1", self.nginx.port), timeout=60)
        connection.sendall("\r\n".join(lines).encode() + sent)
        return connection

    def head_of(self, path: str, headers: Mapping[str, str], sent: bytes = b"") -> bytes:
        """Send the head of a PUT and perhaps some bytes, and return what comes until NGINX closes.

        Without bytes to send, until the head of the response is there: NGINX closes up to two seconds later.
        """
        with closing(self.begin(headers, sent, path)) as connection:
            came = b""
            while (sent or b"\r\n\r\n" not in came) and (block := connection.recv(65536)):
                came += block
            return came

    def objects(self) -> dict[str, int]:
        """The size of each object in the bucket, by its key."""
        found = self.s3.client().list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"]: one["Size"] for one in found}

    def told(self) -> list[dict[str, Any]]:
        """The uploads that the app was told to be stored."""
        return entries(self.folder / "told.jsonl")

    def entry(self, **values: str) -> dict[str, Any]:
        """The log entry with these values, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.nginx.lines() if values.items() <= line.items()]

        assert wait_until(lambda: bool(found()), timeout_s=60), (values, self.log())
        return found()[-1]

    def log(self) -> str:
        """The transfer log."""
        file = self.nginx.directory / "xaccel.log"
        return file.read_text() if file.exists() else ""

    def in_project(self, code: str, timeout_s: int = 300) -> str:
        """Run code in the Django project of the app, and return what it printed."""
        return in_project(self.folder, code, timeout_s)


class Browser:
    """A browser with the token against cross-site requests."""

    def __init__(self, site: Scene) -> None:
        self.site = site
        reply = ask(site.nginx.port, "/files/token")
        self.headers = {
            "Cookie": reply.all("Set-Cookie")[0].partition(";")[0],
            "X-CSRFToken": reply.body.decode(),
            "Accept": "application/json",
        }

    def put(self, body: bytes, path: str = "/files/a", user: str = "alice", **headers: str) -> Reply:
        return self.site.put(body, path, {**self.headers, **headers}, user)


def state(site: Scene, id_: str) -> str:
    """The state of an upload."""
    code = f"from xaccel.django.uploads.models import Upload\nprint(Upload.objects.get(pk={id_!r}).state)"
    return site.in_project(code).strip()


def trail(site: Scene, subject: str) -> list[list[str]]:
    """Method, outcome, reason and why of each row of the trail of a subject."""
    code = (
        f"call_command('xaccel', 'ingest', {str(site.nginx.directory / 'xaccel.log')!r}, verbosity=0)\n"
        "import json\nfrom xaccel.audit.models import Transfer\n"
        f"found = Transfer.objects.filter(subject={subject!r}).values_list('method', 'outcome', 'reason', 'why')\n"
        "print('\\n' + json.dumps([list(row) for row in found]))"
    )
    found: list[list[str]] = json.loads(site.in_project(code).splitlines()[-1])
    return found


def in_project(folder: Path, code: str, timeout_s: int = 300) -> str:
    return commands.in_project("tests.live.uploads.app", {"UPLOADS_FOLDER": str(folder)}, code, timeout_s)


@contextmanager
def scene(
    folder: Path,
    variant: Variant,
    s3: S3Server,
    *,
    adapter: str = "",
    kind: Kind = "wsgi",
    uploads: Mapping[str, Any] | None = None,
    origins: Mapping[str, Any] | None = None,
    extra_server: Iterable[Directive] = (),
    **settings: Any,
) -> Iterator[Scene]:
    """Run a site that takes uploads, with Django or another adapter.

    uploads: more options of UPLOADS. origins: more origins.
    """
    bucket, port, app_port = f"uploads-{secrets.token_hex(4)}", free_port(), free_port()
    s3.create_bucket(bucket)
    mapping: dict[str, Any] = {
        "SECRET": SECRET,
        "ORIGINS": {"documents": s3.origin(bucket), **(origins or {})},
        "UPLOADS": {
            "app": f"127.0.0.1:{app_port}",
            "listen": f"127.0.0.1:{free_port()}",
            "paths": ["/files/"],
            "origins": ["documents"],
            **(uploads or {}),
        },
        **settings,
    }
    (folder / "site.json").write_text(json.dumps(mapping))
    site = read_mapping.read(mapping)
    if not adapter:
        in_project(folder, 'call_command("migrate", verbosity=0)')
    with app_server(
        folder / "app",
        f"tests.live.uploads.{'frameworks' if adapter else 'app'}:application",
        env={"UPLOADS_FOLDER": str(folder), "UPLOADS_ADAPTER": adapter, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        workers=2,
        port=app_port,
        kind=kind,
    ) as app:
        text = config_text(
            site, variant, app.address, port, extra_server=[directive("http2", "on"), *extra_server]
        )
        with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            yield Scene(folder, site, s3, bucket, nginx, app)


@contextmanager
def another_nginx(
    site: Scene,
    folder: Path,
    variant: Variant,
    *,
    app: str = "",
    storage: str = "",
    backend: str = "",
    extra_server: Iterable[Directive] = (),
) -> Iterator[Scene]:
    """Run another NGINX before the same app, or before an `app` or a `storage` at another address.

    backend: what has the other paths, in place of the app.
    """
    mapping = json.loads((site.folder / "site.json").read_text())
    mapping["UPLOADS"] |= {"app": app or site.app.address, "listen": f"127.0.0.1:{free_port()}"}
    if storage:
        mapping["ORIGINS"]["documents"]["connect_to"] = [storage]
    own, port = read_mapping.read(mapping), free_port()
    other = backend or app or site.app.address
    text = config_text(own, variant, other, port, extra_server=extra_server)
    with nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
        yield replace(site, site=own, nginx=nginx)
