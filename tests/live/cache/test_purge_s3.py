"""`xaccel cache purge` for an origin of many buckets that keep versions: it names an object as the view does."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.stage import Stage, stage
from xaccel import cli
from xaccel.errors import InputRefused
from xaccel_testing import S3Server, Variant

KEY = "hot +.bin"
OLD, NEW = b"old" * 100_000, b"new" * 100_000


@dataclass
class Tenants:
    """Two buckets with an object of the same key, each in two versions: an old and a new one."""

    stage: Stage
    buckets: tuple[str, str]
    versions: dict[str, tuple[str, str]]

    def cache(self, bucket: str, body: bytes, **options: str) -> str:
        """What the line says of the cache for a user who asks for this."""
        reply, line = self.stage.logged("tenants", KEY, bucket=bucket, options=options)
        assert (reply.status, reply.body) == (200, body)
        cache: str = line["cache"]
        return cache

    def purge(self, *words: str) -> None:
        parser = cli.argparse.ArgumentParser()
        cli.add_commands(parser, cli.COMMANDS, file=False)
        prefix = str(self.stage.nginx.directory)
        cli.run(parser.parse_args(["cache", "purge", *words, "--prefix", prefix]), self.stage.site)


@pytest.fixture
def tenants(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    mark = secrets.token_hex(4)
    buckets, versions = (f"purge-{mark}-a", f"purge-{mark}-b"), {}
    for bucket in buckets:
        s3.create_bucket(bucket)
        client = s3.client()
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        old, new = (client.put_object(Bucket=bucket, Key=KEY, Body=body)["VersionId"] for body in (OLD, NEW))
        versions[bucket] = (old, new)
    folder = tmp_path_factory.mktemp("tenants")
    options = {
        "bucket": f"purge-{mark}-*",
        "endpoint_url": s3.endpoint,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "region": "us-east-1",
        "cache": True,
    }
    cache = {"path": "cache"}
    with stage(
        folder, variant, {"tenants": options}, cache=cache, transfer_log=str(folder / "xaccel.log")
    ) as made:
        yield Tenants(made, buckets, versions)


def test_a_purge_removes_all_versions_in_one_bucket(
    tenants: Tenants, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tenants.buckets
    old, new = tenants.versions[first]
    named: list[tuple[str, bytes, dict[str, str]]] = [
        (first, OLD, {"version_id": old}),
        (first, NEW, {"version_id": new, "cache_version": "7"}),
        (first, NEW, {"version_id": new}),
        (first, NEW, {"cache_version": "7"}),
        (second, NEW, {"cache_version": "7"}),
    ]
    for word in ("MISS", "HIT"):
        assert [tenants.cache(bucket, body, **options) for bucket, body, options in named] == [word] * 5

    tenants.purge("tenants", KEY, "--bucket", first)
    assert capsys.readouterr().out.startswith(f"{KEY}: purged 4 entries, ")
    assert tenants.cache(first, OLD, version_id=old) == "MISS"
    assert tenants.cache(second, NEW, cache_version="7") == "HIT"


def test_a_purge_that_names_no_bucket_of_the_origin_is_refused(tenants: Tenants) -> None:
    """A bucket may lie outside of the pattern, or none be named."""
    for bucket in (("--bucket", "other-bucket"), ()):
        with pytest.raises(InputRefused):
            tenants.purge("tenants", KEY, *bucket)
