"""Servers for the table: objects in a real S3 server, two HTTP servers, a directory, and NGINX for each contender."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.adapters.contenders import REFERENCE, Contender, environment
from tests.adapters.hostile import DECISIONS
from tests.adapters.origin import BYTES, answering
from tests.json_lines import entries
from tests.live.client import Reply, ask
from tests.live.conftest import build_of
from tests.servers.origin import origin_server
from xaccel.site import read_mapping
from xaccel.tools.nginx import standalone
from xaccel_testing import NginxServer, S3Server, Variant, free_port, nginx_server

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "table.json").read_text(encoding="utf-8"))
OBJECTS: Mapping[str, tuple[bytes, str]] = {
    "report.pdf": (BYTES, "application/pdf"),
    "empty.bin": (b"", "application/octet-stream"),
    "large.bin": (BYTES * 256, "application/octet-stream"),
    "notes.txt": (b"some notes, long enough to be compressed " * 100, "text/plain"),
    "page.html": (b"<script>alert(1)</script>", "text/html"),
    'odd/q"uo+te %2F#?.txt': (b"a key with signs", "text/plain"),
    "odd/報告 書.txt": (b"a key in Japanese", "text/plain"),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """The site and the decisions, in files for the contenders. `words` are what {…} in the table stands for."""

    site: dict[str, Any] = field(repr=False)
    env: dict[str, str]
    words: dict[str, str]
    traces: tuple[bytes, ...]


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """A value of the table with its words put in."""
    if isinstance(value, str):
        for word, meaning in words.items():
            value = value.replace(f"{{{word}}}", meaning)
        return value
    if isinstance(value, dict):
        return {key: filled(each, words) for key, each in value.items()}
    return value


@contextmanager
def scene(folder: Path, s3: S3Server) -> Iterator[Scene]:
    bucket, tenant = (f"adapters-{kind}-{secrets.token_hex(4)}" for kind in ("docs", "tenant"))
    for name in (bucket, tenant):
        s3.create_bucket(name)
    for key, (content, content_type) in OBJECTS.items():
        s3.put(bucket, key, content, content_type)
    s3.put(tenant, "report.pdf", BYTES, "application/pdf")
    media = folder / "media"
    (media / "shelf").mkdir(parents=True)
    for key in ("report.pdf", "page.html"):
        (media / "shelf" / key).write_bytes(OBJECTS[key][0])
        os.utime(media / "shelf" / key, (1_700_000_000, 1_700_000_000))
    with origin_server(answering("")) as second, origin_server(answering(second.url)) as partner:
        site = site_of(s3, (bucket, tenant), partner.url, second.address, media)
        words = {
            "partner": partner.url,
            "documents": f"{s3.endpoint}/{bucket}",
            "tenant_bucket": tenant,
        }
        files = {"site": site, "decisions": filled({**TABLE["decisions"], **DECISIONS}, words)}
        env = written(folder, files)
        traces = (bucket, s3.endpoint, s3.access_key, s3.secret_key, partner.address, second.address)
        words_of_storage = ("Signature=", "Xaccel-", "xaccel-", "X-Accel", "x-accel", site["SECRET"])
        yield Scene(site, env, words, tuple(text.encode() for text in (*traces, *words_of_storage)))


def site_of(s3: S3Server, buckets: tuple[str, str], partner: str, second: str, media: Path) -> dict[str, Any]:
    """settings.XACCEL, for every contender."""
    bucket, tenant = buckets
    keys = {
        "endpoint_url": s3.endpoint,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "region": "us-east-1",
    }

    def origin(kind: str, **options: Any) -> dict[str, Any]:
        return {"type": kind, **options}

    return {
        "SECRET": "adapters-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ORIGINS": {
            "documents": origin("s3", bucket=bucket, **keys),
            "cached": origin("s3", bucket=bucket, cache=True, **keys),
            "tenants": origin("s3", bucket=f"{tenant[:16]}*", **keys),
            "partner": origin("http", base_url=f"{partner}/files/", redirect_hosts=[second]),
            "media": origin("local", root=str(media)),
        },
        "RESPONSE_HEADERS": ["X-Robots-Tag", "Access-Control-Allow-Origin"],
        "CACHE": {"path": "cache", "max_size": "64m"},
        "CONCURRENCY": {"default": 9, "guests": 9},
    }


def directory_scene(folder: Path, response_headers: Iterable[str]) -> Scene:
    """A site of one directory, whose only decision is to send report.pdf."""
    (folder / "media").mkdir()
    (folder / "media" / "report.pdf").write_bytes(BYTES)
    site = {
        "SECRET": secrets.token_hex(20),
        "ORIGINS": {"media": {"type": "local", "root": str(folder / "media")}},
        "RESPONSE_HEADERS": [*response_headers],
    }
    files = {"site": site, "decisions": {"report": {"send": {"key": "report.pdf"}}}}
    return Scene(site, written(folder, files), {}, ())


def written(folder: Path, files: Mapping[str, Any]) -> dict[str, str]:
    """Write site and decisions. Returns what every contender is started with."""
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return environment(folder / "site.json", folder / "decisions.json")


class Contest:
    """Runs contenders and the NGINX before each, started when first needed and kept to the end."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self._folder = folder
        self._servers: list[ExitStack] = []
        self._doors = ExitStack()
        self.address = cache(self._address)
        self.door = cache(self._door)

    def _address(self, contender: Contender) -> str:
        folder = self._folder / contender.name
        folder.mkdir()
        server = ExitStack()
        self._servers.append(server)
        env = {**self.scene.env, "ADAPTERS_TOLD": str(folder / "told.jsonl")}
        return server.enter_context(contender.start(folder, env))

    def told(self, contender: Contender) -> list[dict[str, Any]]:
        """What the contender wrote to the logger "xaccel", oldest first."""
        return entries(self._folder / contender.name / "told.jsonl")

    def app_log(self, contender: Contender) -> str:
        """What the contender's server wrote to its standard output and error."""
        return (self._folder / contender.name / "app.log").read_text(errors="replace")

    def _door(self, contender: Contender, variant: Variant) -> NginxServer:
        port = free_port()
        text = standalone(
            read_mapping.read(self.scene.site),
            build_of(variant),
            listen=f"127.0.0.1:{port}",
            app=self.address(contender),
            root_user="root" if os.geteuid() == 0 else None,
        )
        # A new one each time: doors that were closed may be opened again.
        folder = Path(tempfile.mkdtemp(prefix=f"{contender.name}-{variant.name}-", dir=self._folder))
        return self._doors.enter_context(nginx_server(folder, text, binary=variant.binary, ready_port=port))

    def close_doors(self) -> None:
        """End all NGINXs; the contenders go on."""
        self._doors.close()
        self.door.cache_clear()

    def close(self) -> None:
        self.close_doors()
        # Together: an ASGI server takes seconds to end.
        with ThreadPoolExecutor() as pool:
            list(pool.map(ExitStack.close, self._servers))


def send(door: NginxServer, request: Mapping[str, Any], words: Mapping[str, str]) -> Reply:
    """One request of the table."""
    headers = filled(request.get("headers", {}), words)
    body = request["body"].encode() if "body" in request else (b"" if request["method"] == "POST" else None)
    target = f"/download/{request['download']}{request.get('query', '')}"
    return ask(door.port, target, request["method"], headers, body)


def validators(contest: Contest, variant: Variant, download: str) -> dict[str, str]:
    """The origin's own validators of a file: what {etag} and {last_modified} stand for."""
    reply = ask(contest.door(REFERENCE, variant).port, f"/download/{download}")
    return {"etag": reply.one("ETag") or "", "last_modified": reply.one("Last-Modified") or ""}
