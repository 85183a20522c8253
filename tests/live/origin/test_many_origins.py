"""A site of a thousand origins of every kind: it prints, starts, reloads, and serves from the first to the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.nginx_server import check_config

COUNT = 1000
KINDS = ("shared", "own", "leads", "bucket", "tenants", "folder")


@dataclass
class Many:
    stage: Stage
    home: Origin

    def tried(self, kind: str) -> list[tuple[str, str]]:
        """The first, the middle and the last origin of a kind, each with its number."""
        names = [name for name in self.stage.site.origins if name.startswith(f"{kind}-")]
        assert len(names) >= COUNT // len(KINDS)
        return [(name, name.rpartition("-")[2]) for name in (names[0], names[len(names) // 2], names[-1])]


def options_of(kind: str, number: int, home: Origin, folder: Path) -> dict[str, Any]:
    """One origin: at a host that many share, at a host of its own, leading elsewhere, S3, and a directory."""
    own = {"base_url": f"http://host-{number}.test:{home.port}/own/{number}/", "connect_to": [home.address]}
    match kind:
        case "shared":
            return {"base_url": f"{home.url}/shared/{number}/"}
        case "own":
            return {**own, "request_headers": {"X-Number": str(number)}}
        case "leads":
            return {**own, "redirect_hosts": [f"127.9.{number}.1:9", "*.cdn.test"]}
        case "bucket":
            return {"bucket": "bucket", "prefix": f"{number}/", "endpoint_url": home.url, **signed_by(number)}
        case "tenants":
            named = {"endpoint_url": f"http://s3.test:{home.port}", "connect_to": [home.address]}
            return {
                "bucket": f"tenant{number}-*",
                "addressing_style": "virtual",
                **named,
                **signed_by(number),
            }
        case _:
            return {"root": str(folder / str(number))}


def signed_by(number: int) -> dict[str, Any]:
    return {"access_key": f"key-{number}", "secret_key": "secret", "region": f"region-{number}"}


def seen(request: Request) -> Answer:
    """The host, the path, and by whose key and for which region the URL is signed."""
    path, _, query = request.target.partition("?")
    credential = parse_qs(query).get("X-Amz-Credential", ["//"])[0].split("/")
    return Answer(body=" ".join([request.header("Host") or "", path, credential[0], credential[2]]).encode())


@pytest.fixture(scope="module")
def many(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "nginx").mkdir()
    with origin_server(seen) as home:
        origins = {}
        for index in range(COUNT):
            number, kind = divmod(index, len(KINDS))
            name = KINDS[kind]
            origins[f"{name}-{number}"] = options_of(name, number, home, folder / "media")
            if name == "folder":
                (folder / "media" / str(number)).mkdir(parents=True)
                (folder / "media" / str(number) / "x").write_text(f"folder {number}")
        with stage(folder / "nginx", variant, origins) as running:
            assert len(running.site.origins) == COUNT
            yield Many(running, home)


def check_each(many: Many, kind: str) -> None:
    for name, number in many.tried(kind):
        host, path = f"host-{number}.test:{many.home.port}", f"/own/{number}/x"
        if kind in ("shared", "bucket"):
            host = many.home.address
            path = f"/shared/{number}/x" if kind == "shared" else f"/bucket/{number}/x"
        elif kind == "tenants":
            host, path = f"tenant{number}-a.s3.test:{many.home.port}", "/x"
        by = f"key-{number} region-{number}" if kind in ("bucket", "tenants") else " "
        body = f"folder {number}" if kind == "folder" else f"{host} {path} {by}"
        reply = many.stage.get(name, bucket=f"tenant{number}-a" if kind == "tenants" else None)
        assert (reply.status, reply.body.decode()) == (200, body), name


def test_the_first_the_middle_and_the_last_of_a_thousand_serve_also_after_a_reload(many: Many) -> None:
    nginx = many.stage.nginx
    check_config(nginx.directory, nginx.binary)
    for _ in range(2):
        for kind in KINDS:
            check_each(many, kind)
        nginx.reload((nginx.directory / "nginx.conf").read_text())
    said = [line for line in nginx.error_log.splitlines() if "[warn]" in line or "[emerg]" in line]
    assert not said, said
