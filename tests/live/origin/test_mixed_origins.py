"""Origins that have something in common and differ in the rest: host, bucket, endpoint, region, credentials, TLS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, origin_server
from xaccel_testing import S3Server, Variant

WORKERS = 2


@dataclass
class Mixed:
    stage: Stage
    first: Origin
    second: Origin


@dataclass(frozen=True)
class Place:
    """What one S3 origin is meant to ask for, and in whose name."""

    at: str
    bucket: str
    region: str
    access_key: str
    prefix: str = ""


PLACES = {
    "frankfurt": Place("first", "docs", "eu-central-1", "german"),
    "sydney": Place("first", "docs", "ap-southeast-2", "german"),
    "reader": Place("first", "docs", "eu-central-1", "reader"),
    "part": Place("first", "docs", "eu-central-1", "german", "tenant-a/"),
    "archive": Place("first", "archive", "eu-central-1", "german"),
    "elsewhere": Place("second", "docs", "us-east-1", "american"),
}


@pytest.fixture(scope="module")
def mixed(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    """S3 origins of two endpoints beside an HTTP server at one of them, and a directory."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "media").mkdir()
    (folder / "media" / "x").write_text("of the directory")
    with (
        origin_server(lambda _: Answer(body=b"first")) as first,
        origin_server(lambda _: Answer(body=b"second")) as second,
    ):
        at = {"first": first, "second": second}
        origins: dict[str, dict[str, Any]] = {
            name: {
                "bucket": place.bucket,
                "endpoint_url": at[place.at].url,
                "region": place.region,
                "prefix": place.prefix,
                "access_key": place.access_key,
                "secret_key": f"secret of {place.access_key}",
            }
            for name, place in PLACES.items()
        }
        origins["web"] = {
            "base_url": f"{first.url}/docs/",
            "request_headers": {"Authorization": "Bearer web"},
        }
        origins["media"] = {"root": str(folder / "media")}
        with stage(folder / "nginx", variant, origins) as running:
            yield Mixed(running, first, second)


@pytest.mark.parametrize("origin", PLACES)
def test_each_is_requested_at_its_endpoint_in_its_region_and_name(mixed: Mixed, origin: str) -> None:
    place = PLACES[origin]
    asked, other = (mixed.first, mixed.second) if place.at == "first" else (mixed.second, mixed.first)
    asked.requests.clear()
    other.requests.clear()
    assert mixed.stage.get(origin).body == place.at.encode()
    assert other.requests == []
    [request] = asked.requests
    parts = urlsplit(request.target)
    key, _, region, service, _ = parse_qs(parts.query)["X-Amz-Credential"][0].split("/")
    assert parts.path == f"/{place.bucket}/{place.prefix}x"
    assert (key, region, service) == (place.access_key, place.region, "s3")
    assert request.header("Host") == asked.address
    assert request.header("Authorization") is None


def test_an_http_server_and_a_directory_between_buckets_work(mixed: Mixed) -> None:
    mixed.first.requests.clear()
    for _ in range(3):
        assert mixed.stage.get("frankfurt").body == b"first"
        assert mixed.stage.get("web").body == b"first"
        assert mixed.stage.get("media").body == b"of the directory"
    by_web = [request for request in mixed.first.requests if request.target == "/docs/x"]
    assert [request.header("Authorization") for request in by_web] == ["Bearer web"] * 3
    assert len(mixed.first.requests) == 6


@pytest.fixture(scope="module")
def one_bucket(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One bucket of a store that verifies signatures, for origins with other credentials and prefixes."""
    bucket = f"shared-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    for key, body in (("x", b"whole"), ("a/x", b"of a"), ("b/x", b"of b")):
        s3.put(bucket, key, body, "text/plain")
    common = {
        "bucket": bucket,
        "endpoint_url": s3.endpoint,
        "region": "us-east-1",
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
    }
    origins = {
        "right": common,
        "wrong-secret": {**common, "secret_key": "wrong"},
        "wrong-key": {**common, "access_key": "nobody"},
        **{name: {**common, "prefix": f"{name}/", "cache": True} for name in ("a", "b")},
    }
    with stage(
        tmp_path_factory.mktemp("one-bucket"),
        variant,
        origins,
        cache={"path": "cache", "max_size": "16m"},
    ) as running:
        yield running


def test_origins_of_one_bucket_sign_with_their_own_credentials(one_bucket: Stage) -> None:
    """Whatever was signed before, and over connections that are shared."""
    for _ in range(2):
        assert one_bucket.get("right").body == b"whole"
        for wrong in ("wrong-secret", "wrong-key"):
            [line] = one_bucket.lines_of(lambda name=wrong: one_bucket.get(name))
            assert (line["status"], line["origin_status"]) == ("502", "403"), wrong


@pytest.fixture(scope="module")
def one_host(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    """Origins at one host and port whose certificate some of them accept."""
    folder = tmp_path_factory.mktemp("one-host")
    for name in ("right", "stranger"):
        (folder / name).mkdir()
    with ExitStack() as servers:
        host, stranger = (
            servers.enter_context(origin_server(lambda _: Answer(body=b"TLS"), tls_directory=folder / name))
            for name in ("right", "stranger")
        )
        common = {"base_url": f"https://origin.test:{host.port}/", "connect_to": [host.address]}
        origins = {
            "careless": {**common, "verify_tls": False},
            "right": {**common, "ca_file": str(host.ca_file)},
            "right-too": {**common, "base_url": f"{common['base_url']}b/", "ca_file": str(host.ca_file)},
            "stranger": {**common, "ca_file": str(stranger.ca_file)},
            "system": common,
        }
        yield servers.enter_context(stage(folder / "nginx", variant, origins)), host


def test_no_connection_is_reused_for_an_origin_with_other_settings(
    one_host: tuple[Stage, Origin],
) -> None:
    running, host = one_host
    host.requests.clear()
    for _ in range(6):
        for name in ("careless", "right"):
            assert running.get(name).body == b"TLS"
        for name in ("stranger", "system"):
            reply, line = running.logged(name)
            assert (line["why"], reply.status) == ("origin_failed", 502), name
    assert len(host.requests) == 12


def test_origins_of_one_host_share_connections_if_tls_is_the_same(one_host: tuple[Stage, Origin]) -> None:
    running, host = one_host
    used: dict[str, set[int]] = {"careless": set(), "right": set(), "right-too": set()}
    for _ in range(6):
        for name, connections in used.items():
            host.requests.clear()
            running.get(name)
            connections.add(host.requests[0].connection)
    assert not used["careless"] & (used["right"] | used["right-too"])
    assert len(used["careless"]) <= WORKERS
    assert len(used["right"] | used["right-too"]) <= WORKERS
