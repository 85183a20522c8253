"""A site with archives: an S3 server, an HTTP origin, a directory, an app, and NGINX, which assembles."""

from __future__ import annotations

import http.client
import json
import random
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.json_lines import entries
from tests.live import commands
from tests.live.conftest import ROOT, config_text
from tests.live.objects import serve
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel import ObjectRef
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx.emit import directive
from xaccel_testing import AppServer, NginxServer, S3Server, Variant, app_server, free_port, nginx_server

SECRET = "archives-0123456789-abcdefghijklmnopqrstuvwxyz"
TAG = r'"of:the#ori$gin\<!--#"'
"""An entity tag with all that could mislead NGINX."""
BODY = bytes(range(256)) * 1024


class Row(NamedTuple):
    """A member as the app has it in its database."""

    name: str
    size: int
    crc32: int
    origin: str
    key: str
    etag: str


class Came(NamedTuple):
    """What a client got. is_cut: the transfer broke before its announced end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool


@dataclass
class Scene:
    """One running site. bodies: the bytes of each object, by origin and key."""

    folder: Path
    variant: Variant
    site: Site
    s3: S3Server
    bucket: str
    origin: Origin
    text: str
    nginx: NginxServer
    app: AppServer
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def put(self, key: str, body: bytes, *, origin: str = "documents", name: str = "") -> Row:
        """Store an object, and return its row."""
        etag = TAG
        if origin == "documents":
            done = self.s3.client().put_object(Bucket=self.bucket, Key=key, Body=body)
            etag = done["ETag"]
        elif origin == "media":
            file = self.folder / "media" / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
            etag = f'"{int(file.stat().st_mtime):x}-{len(body):x}"'
        self.bodies[origin, key] = body
        return Row(name or f"{origin}/{key}", len(body), zlib.crc32(body), origin, key, etag)

    def archive(self, name: str, rows: Sequence[Row]) -> None:
        """Make the selection that the app sends as `name`."""
        (self.folder / "archives" / f"{name}.json").write_text(json.dumps(rows))
        self.rows[name] = list(rows)

    def layout(self, name: str) -> Layout:
        return Layout.of(
            ZipMember(
                ObjectRef(row.origin, row.key), name=row.name, size=row.size, crc32=row.crc32, etag=row.etag
            )
            for row in self.rows[name]
        )

    def expected(self, name: str) -> bytes:
        """The whole archive, made of the layout and the objects."""
        layout, rows = self.layout(name), self.rows[name]
        pieces = layout.pieces(0, layout.size)
        return b"".join(
            piece
            if isinstance(piece, bytes)
            else self.bodies[rows[piece.number].origin, rows[piece.number].key][piece.first : piece.end]
            for piece in pieces
        )

    def get(
        self,
        name: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        *,
        connection: http.client.HTTPConnection | None = None,
    ) -> Came:
        """Request an archive, as far as it comes."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=120)
        own.request(method, f"/zip/{name}", headers=dict(headers or {}))
        response, body, is_cut = own.getresponse(), bytearray(), False
        due = response.length
        try:
            while piece := response.read1(1 << 16):
                body += piece
            response.read()
        except (http.client.IncompleteRead, ConnectionResetError):
            is_cut = True
        is_cut = is_cut or (method != "HEAD" and due is not None and len(body) < due)
        if connection is None:
            own.close()
        return Came(response.status, dict(response.getheaders()), bytes(body), is_cut)

    def app_again(self) -> AbstractContextManager[AppServer]:
        """Start the app once more, after its end, at the address that NGINX knows."""
        return running_app(self.folder, int(self.app.address.rpartition(":")[2]), "again")

    def deny(self, who: str, text: str = "") -> None:
        (self.folder / "denied" / who).write_text(text)

    def allow(self, who: str) -> None:
        (self.folder / "denied" / who).unlink()

    def failures(self) -> list[dict[str, Any]]:
        """The entries of members.log."""
        return entries(self.nginx.directory / "members.log")


def stored(request: Request, body: bytes = BODY) -> Answer:
    """The object of the origin `partner`."""
    return serve(request, body, etag=TAG)


def in_project(folder: Path, code: str) -> str:
    """Run code in the Django project of the app, and return what it printed."""
    return commands.in_project("tests.live.archives.app", {"ARCHIVES_FOLDER": str(folder)}, code)


def running_app(folder: Path, port: int, name: str = "app", adapter: str = "", **more: Any) -> Any:
    """Run the app of a folder, with Django or another adapter."""
    return app_server(
        folder / name,
        f"tests.live.archives.{'frameworks' if adapter else 'app'}:application",
        env={"ARCHIVES_FOLDER": str(folder), "ARCHIVES_ADAPTER": adapter, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        workers=2,
        port=port,
        **more,
    )


@contextmanager
def scene(
    folder: Path,
    variant: Variant,
    s3: S3Server,
    **settings: Any,
) -> Iterator[Scene]:
    """Run a site with archives, with Django. `settings` are further keys of settings.XACCEL."""
    for name in ("archives", "denied", "media", "nginx", "app"):
        (folder / name).mkdir(parents=True)
    bucket = f"archives-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    port, app_port = free_port(), free_port()
    with ExitStack() as stack:
        origin = stack.enter_context(origin_server(stored))
        mapping: dict[str, Any] = {
            "SECRET": SECRET,
            "ORIGINS": {
                "documents": s3.origin(bucket),
                "partner": {
                    "type": "http",
                    "base_url": f"{origin.url}/files/",
                    "request_headers": {"Authorization": "Bearer partner"},
                },
                "media": {"type": "local", "root": str(folder / "media")},
            },
            "ARCHIVES": {
                "app": f"127.0.0.1:{app_port}",
                "listen": f"127.0.0.1:{free_port()}",
                "proven": ["partner"],
            },
            **settings,
        }
        (folder / "site.json").write_text(json.dumps(mapping))
        site = read_mapping.read(mapping)
        in_project(folder, 'call_command("migrate", verbosity=0)')
        app = stack.enter_context(running_app(folder, app_port))
        text = config_text(site, variant, app.address, port, extra_server=[directive("http2", "on")])
        nginx = stack.enter_context(
            nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=port)
        )
        yield Scene(folder, variant, site, s3, bucket, origin, text, nginx, app)


def filled(made: Scene) -> Scene:
    """A scene with an archive `mixed` of all kinds of origins, and `large` of many parts."""
    rng = random.Random(7)
    rows = [
        made.put(f"k/{number} ü&+%$.bin", rng.randbytes(rng.choice([0, 1, 17, 1000, 70_000, 400_000])))
        for number in range(40)
    ]
    made.bodies["partner", "plain"] = BODY
    rows.append(Row("partner/plain.bin", len(BODY), zlib.crc32(BODY), "partner", "plain", TAG))
    rows.append(made.put("dir/a <!--# b.bin", rng.randbytes(300_000), origin="media"))
    made.archive("mixed", rows)
    small = [row for row in rows if row.size <= 1000]
    many = [small[number % len(small)]._replace(name=f"many/{number:04}.bin") for number in range(350)]
    made.archive("large", [*rows, *many])
    return made
