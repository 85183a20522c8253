"""A site of a thousand origins of every kind: it prints, starts, reloads, and serves from the first to the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.nginx_server import check_config

COUNT = 1000
KINDS = ("shared", "own", "leads", "bucket", "tenants", "folder")
KEYS = {"access_key": "key", "secret_key": "secret", "region": "eu-west-1"}


@dataclass
class Many:
    stage: Stage
    home: Origin
    other: Origin

    def tried(self, kind: str) -> list[tuple[str, str]]:
        """The first, the middle and the last origin of a kind, each with its number."""
        names = [name for name in self.stage.site.origins if name.startswith(f"{kind}-")]
        assert len(names) >= COUNT // len(KINDS)
        return [(name, name.rpartition("-")[2]) for name in (names[0], names[len(names) // 2], names[-1])]


def options_of(kind: str, number: int, home: Origin, other: Origin, folder: Path) -> dict[str, Any]:
    """One origin: at a host that many share, at a host of its own, leading elsewhere, S3, and a directory."""
    own = {"base_url": f"http://host-{number}.test:{home.port}/own/{number}/", "connect_to": [home.address]}
    match kind:
        case "shared":
            return {"base_url": f"{home.url}/shared/{number}/"}
        case "own":
            return {**own, "request_headers": {"X-Number": str(number)}}
        case "leads":
            return {**own, "redirect_hosts": [other.address, f"127.9.{number}.1:9", "*.cdn.test"]}
        case "bucket":
            return {"bucket": f"bucket-{number}", "endpoint_url": home.url, **KEYS}
        case "tenants":
            named = {"endpoint_url": f"http://s3.test:{home.port}", "connect_to": [home.address], **KEYS}
            return {"bucket": f"tenant{number}-*", "addressing_style": "virtual", **named}
        case _:
            return {"root": str(folder / str(number))}


def answer_for(other: Origin) -> Any:
    def answer(request: Request) -> Answer:
        if request.target.endswith("/away"):
            return Answer(status=302, headers=[("Location", f"{other.url}/there")])
        return Answer(body=f"{request.header('Host')} {request.target.partition('?')[0]}".encode())

    return answer


@pytest.fixture(scope="module")
def many(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "nginx").mkdir()
    with (
        origin_server(lambda _: Answer(body=b"elsewhere")) as other,
        origin_server(answer_for(other)) as home,
    ):
        origins = {}
        for index in range(COUNT):
            number, kind = divmod(index, len(KINDS))
            name = KINDS[kind]
            origins[f"{name}-{number}"] = options_of(name, number, home, other, folder / "media")
            if name == "folder":
                (folder / "media" / str(number)).mkdir(parents=True)
                (folder / "media" / str(number) / "x").write_text(f"folder {number}")
        with stage(folder / "nginx", variant, origins) as running:
            assert len(running.site.origins) == COUNT
            yield Many(running, home, other)


def check_each(many: Many, kind: str) -> None:
    for name, number in many.tried(kind):
        host, path = f"host-{number}.test:{many.home.port}", f"/own/{number}/x"
        if kind in ("shared", "bucket"):
            host = many.home.address
            path = f"/shared/{number}/x" if kind == "shared" else f"/bucket-{number}/x"
        elif kind == "tenants":
            host, path = f"tenant{number}-a.s3.test:{many.home.port}", "/x"
        body = f"folder {number}" if kind == "folder" else f"{host} {path}"
        reply = many.stage.get(name, bucket=f"tenant{number}-a" if kind == "tenants" else None)
        assert (reply.status, reply.body.decode()) == (200, body), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_the_middle_and_the_last_of_a_thousand_serve(many: Many, kind: str) -> None:
    check_each(many, kind)


def test_each_sends_its_own_headers_only(many: Many) -> None:
    for kind in ("shared", "own", "leads"):
        for name, number in many.tried(kind):
            many.home.requests.clear()
            many.stage.get(name)
            [request] = many.home.requests
            assert request.header("X-Number") == (number if kind == "own" else None)


def test_each_redirects_to_its_own_hosts_only(many: Many) -> None:
    for name, _ in many.tried("leads"):
        assert many.stage.get(name, "away").body == b"elsewhere"
    for kind in ("shared", "own"):
        for name, _ in many.tried(kind):
            _, line = many.stage.logged(name, "away")
            assert (line["status"], line["why"]) == ("502", "redirect_refused"), name


def test_no_origin_sends_files_of_another_of_the_thousand(many: Many) -> None:
    """A hand-off to one origin with the URL of its neighbour, as a mistake or a forger would make it."""
    many.home.requests.clear()
    for kind, number in (("own", 1), ("tenants", 2)):
        host = f"host-{number}.test" if kind == "own" else f"tenant{number}-a.s3.test"
        put = {"Xaccel-Url": f"http://{host}:{many.home.port}/x"}
        for neighbour in (f"{kind}-0", f"{kind}-{number + 1}"):
            bucket = "tenant0-a" if neighbour == "tenants-0" else f"tenant{number + 1}-a"
            [line] = many.stage.lines_of(
                lambda name=neighbour, bucket=bucket, put=put, kind=kind: many.stage.get(
                    name, bucket=bucket if kind == "tenants" else None, put=put
                )
            )
            assert (line["status"], line["why"]) == ("502", "url_refused"), neighbour
    assert many.home.requests == []


def test_a_thousand_are_tested_and_reloaded_by_nginx_itself(many: Many) -> None:
    nginx = many.stage.nginx
    check_config(nginx.directory, nginx.binary)
    nginx.reload((nginx.directory / "nginx.conf").read_text())
    for kind in KINDS:
        check_each(many, kind)
    said = [line for line in nginx.error_log.splitlines() if "[warn]" in line or "[emerg]" in line]
    assert not said, said
