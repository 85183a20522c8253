"""Each project twice, on the same files: before, on the package it comes from, and after, on xaccel."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations import plain_nginx
from tests.live.client import Reply, ask
from tests.migration import old_nginx
from tests.migration.seen import STAFF, Seen, see

if TYPE_CHECKING:
    from tests.servers.origin import Answer, Origin, Request
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "report.pdf": b"%PDF- the report, of some length",
    "2026/Bericht 50% + \u56db\u534a\u671f.txt": b"text of some length",
    "archive.tar.gz": b"\x1f\x8b not unpacked by anybody",
    "data.unknown": b"bytes of no type",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}
TYPES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "svg": "image/svg+xml",
    "gz": "application/gzip",
    "unknown": "application/octet-stream",
}
LOCATIONS = {
    "sendfile2": old_nginx.SENDFILE2,
    "private_storage": old_nginx.PRIVATE_STORAGE,
    "downloadview": old_nginx.DOWNLOADVIEW,
}


@dataclass(frozen=True)
class Places:
    """Where the files are: on a disk, in a bucket, and at a partner's."""

    folder: Path
    media: Path
    bucket: str
    s3: S3Server
    partner: Origin

    def env(self, package: str, side: str) -> dict[str, str]:
        from xaccel_testing.stack import s3_environment

        return {
            **s3_environment(self.s3),
            "DJANGO_SETTINGS_MODULE": f"tests.migration.{package}_settings",
            "MIGRATION_SIDE": side,
            "MIGRATION_FOLDER": str(self.folder / package),
            "MIGRATION_MEDIA": str(self.media),
            "MIGRATION_BUCKET": self.bucket,
            "MIGRATION_PARTNER": f"{self.partner.url}/files/",
            "MIGRATION_FILES": json.dumps(list(FILES)),
            "PYTHONPATH": str(ROOT),
        }


@dataclass(frozen=True)
class Pair:
    """One project on both sides, behind the same NGINX."""

    before: NginxServer
    after: NginxServer
    places: Places

    def see(self, target: str, method: str = "GET", headers: dict[str, str] = STAFF) -> tuple[Seen, Seen]:
        """What a person sees before and after."""
        return (
            see(self.before.port, target, method, headers),
            see(self.after.port, target, method, headers),
        )

    def ask(self, target: str) -> tuple[Reply, Reply]:
        """The whole answers."""
        return ask(self.before.port, target, "GET", STAFF), ask(self.after.port, target, "GET", STAFF)


@pytest.fixture(scope="session")
def places(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    from tests.servers.origin import origin_server

    folder = tmp_path_factory.mktemp("migration")
    bucket = f"migration-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    for name, content in FILES.items():
        path = folder / "media" / "protected" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        s3.put(bucket, name, content, TYPES[name.rpartition(".")[2]])
    (folder / "media" / "outside.txt").write_bytes(b"outside")
    with origin_server(as_a_partner) as partner:
        yield Places(folder, folder / "media", bucket, s3, partner)


def as_a_partner(request: Request) -> Answer:
    """A server that knows ranges, and one file."""
    from tests.live.objects import serve
    from tests.servers.origin import Answer

    if request.target != "/files/report.pdf":
        return Answer(
            status=404,
            headers=[("Content-Type", "text/html")],
            body=b"<h1>no such file at the partner's</h1>",
        )
    return serve(request, FILES["report.pdf"], headers=[("Content-Type", "application/pdf")])


@pytest.fixture(scope="session")
def old_app(places: Places) -> Iterator[Callable[[str], AppServer]]:
    """The project of a package as it was; NGINX is the only thing that variants differ in."""
    from xaccel_testing import app_server

    with ExitStack() as stack:
        running: dict[str, AppServer] = {}

        def start(package: str) -> AppServer:
            if package not in running:
                folder = places.folder / package / "before"
                folder.mkdir(parents=True)
                running[package] = stack.enter_context(
                    app_server(
                        folder,
                        "tests.migration.wsgi:application",
                        env=places.env(package, "before"),
                        cwd=ROOT,
                        workers=1,
                        threads=4,
                    )
                )
            return running[package]

        yield start


@pytest.fixture(scope="session")
def pair_of(
    variant: Variant, places: Places, old_app: Callable[[str], AppServer]
) -> Iterator[Callable[[str], Pair]]:
    """Both sides of a package's project, by the package's name; each is started once for a variant."""
    from xaccel_testing import free_port, nginx_server
    from xaccel_testing.stack import Project, run_stack

    with ExitStack() as stack:
        running: dict[str, Pair] = {}

        def start(package: str) -> Pair:
            if package in running:
                return running[package]
            app, port = old_app(package), free_port()
            folder = places.folder / package / variant.name
            for name in ("before", "after"):
                (folder / name).mkdir(parents=True)
            locations = LOCATIONS[package].format(
                media=places.media, s3=places.s3.address, bucket=places.bucket
            )
            text = plain_nginx.text(port, app.address, locations)
            before = stack.enter_context(
                nginx_server(folder / "before", text, binary=variant.binary, ready_port=port)
            )
            project = Project(
                application="tests.migration.wsgi:application",
                directory=ROOT,
                env=places.env(package, "after"),
            )
            after = stack.enter_context(run_stack(folder / "after", project, s3=places.s3, variant=variant))
            running[package] = Pair(before, after.nginx, places)
            return running[package]

        yield start
