"""A pattern of buckets over TLS, the bucket in the host: under one wildcard certificate, and under one that is not."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant

WORKERS = 2
BUCKETS = tuple(f"acme-{number}" for number in range(10))


@dataclass
class Storage:
    """`names` are what NGINX said in SNI, one for each handshake."""

    stage: Stage
    origin: Origin
    names: list[str | None] = field(default_factory=list)


def told(request: Request) -> Answer:
    """Amazon's answer for a bucket of another region than the signature says, for one of the buckets."""
    if "acme-far" in f"{request.header('Host')}{request.target}":
        return Answer(status=301, headers=[("x-amz-bucket-region", "eu-west-1")])
    return Answer(body=f"of {request.header('Host')}".encode())


@contextmanager
def storage(folder: Path, variant: Variant, certificate: Sequence[str]) -> Iterator[Storage]:
    """One S3 endpoint `s3.test` with TLS, and an origin for all buckets `acme-*` there, the bucket in the host."""
    names: list[str | None] = []

    def note_names(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)

    (folder / "tls").mkdir()
    with origin_server(
        told, tls_directory=folder / "tls", names=certificate, prepare_tls=note_names
    ) as origin:
        options = {
            "bucket": "acme-*",
            "endpoint_url": f"https://s3.test:{origin.port}",
            "addressing_style": "virtual",
            "connect_to": [origin.address],
            "ca_file": str(origin.ca_file),
            "region": "us-east-1",
            "access_key": "key",
            "secret_key": "secret",
        }
        origins = {"tenants": options, "in-path": {**options, "addressing_style": "path"}}
        with stage(folder / "nginx", variant, origins) as running:
            yield Storage(running, origin, names)


@pytest.fixture(scope="module")
def wildcard(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with storage(tmp_path_factory.mktemp("wildcard"), variant, ["s3.test", "*.s3.test"]) as running:
        yield running


def test_each_bucket_is_requested_by_its_own_name(wildcard: Storage) -> None:
    for bucket in BUCKETS:
        reply = wildcard.stage.get("tenants", bucket=bucket)
        assert (reply.status, reply.body.decode()) == (200, f"of {bucket}.s3.test:{wildcard.origin.port}")


def test_a_reused_connection_has_requests_for_all_buckets_of_the_endpoint(wildcard: Storage) -> None:
    """Its certificate was verified for the name of the bucket that was asked for first."""
    wildcard.origin.requests.clear()
    for _ in range(2):
        for bucket in BUCKETS:
            assert wildcard.stage.get("tenants", bucket=bucket).status == 200
    assert len(wildcard.origin.requests) == 2 * len(BUCKETS)
    assert len({request.connection for request in wildcard.origin.requests}) <= WORKERS
    by_bucket = [name for name in wildcard.names if name != "s3.test"]
    assert all(name is not None and re.fullmatch(r"acme-\w+\.s3\.test", name) for name in by_bucket)
    assert 1 <= len(by_bucket) <= WORKERS, "one handshake a worker, whatever was asked before"


@pytest.mark.parametrize("certificate", ["s3.test", "*.other.test", "*.acme-1.s3.test"])
def test_a_certificate_that_does_not_cover_the_buckets_name_is_refused(
    variant: Variant, tmp_path: Path, certificate: str
) -> None:
    with storage(tmp_path, variant, [certificate]) as running:
        reply, line = running.stage.logged("tenants", bucket="acme-1")
        assert (reply.status, line["why"]) == (502, "origin_failed")
        assert running.names == ["acme-1.s3.test"]
        assert running.origin.requests == []


@pytest.mark.parametrize("origin", ["tenants", "in-path"])
def test_a_tenant_of_another_region_is_named_in_the_log_entry(wildcard: Storage, origin: str) -> None:
    wildcard.origin.requests.clear()

    for bucket, status, why in (("acme-far", "502", "wrong_region"), ("acme-near", "200", "")):
        [line] = wildcard.stage.lines_of(lambda b=bucket: wildcard.stage.get(origin, bucket=b))
        assert (line["status"], line["why"]) == (status, why)
    assert len(wildcard.origin.requests) == 2, "nobody was asked again"
