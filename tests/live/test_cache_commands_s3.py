"""`xaccel warm` and `xaccel purge` for an origin of many buckets that keep versions: they name what the view names."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.stage import Stage, stage
from tests.live.test_warm import run, sockets
from xaccel.errors import CacheError, InputRefused
from xaccel.testing import S3Server, Variant

pytestmark = pytest.mark.nginx

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
        replies = []
        (line,) = self.stage.lines_of(
            lambda: replies.append(self.stage.get("tenants", KEY, bucket=bucket, options=options))
        )
        assert (replies[0].status, replies[0].body) == (200, body)
        cache: str = line["cache"]
        return cache

    def run(self, *words: str) -> None:
        prefix = str(self.stage.nginx.directory)
        run(self.stage, *words, "--prefix", prefix)


@pytest.fixture
def tenants(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    mark = secrets.token_hex(4)
    buckets, versions = (f"warm-{mark}-a", f"warm-{mark}-b"), {}
    for bucket in buckets:
        s3.create_bucket(bucket)
        client = s3.client()
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        old, new = (client.put_object(Bucket=bucket, Key=KEY, Body=body)["VersionId"] for body in (OLD, NEW))
        versions[bucket] = (old, new)
    folder = tmp_path_factory.mktemp("tenants")
    options = {
        "bucket": f"warm-{mark}-*",
        "endpoint_url": s3.endpoint,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "region": "us-east-1",
        "cache": True,
    }
    cache = {"path": "cache", "warm_directory": str(sockets(folder))}
    with stage(folder, variant, {"tenants": options}, cache=cache, log=str(folder / "xaccel.log")) as made:
        yield Tenants(made, buckets, versions)


def test_what_is_warmed_and_purged_is_what_the_view_names(
    tenants: Tenants, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tenants.buckets
    old, new = tenants.versions[first]
    for word in ("MISS", "HIT"):
        tenants.run("warm", "tenants", KEY, "--bucket", first, "--version-id", old)
        assert capsys.readouterr().out.startswith(f"{word} tenants {first}/{KEY}: {len(OLD)} bytes in ")
    assert tenants.cache(first, OLD, version_id=old) == "HIT"
    listed = [
        {"origin": "tenants", "bucket": first, "key": KEY, "version_id": new, "identity": "7"},
        {"origin": "tenants", "bucket": first, "key": KEY, "identity": "7"},
        {"origin": "tenants", "bucket": second, "key": KEY, "identity": "7"},
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(json.dumps(one) for one in listed)))
    tenants.run("warm")
    assert capsys.readouterr().out.count("MISS tenants ") == 3
    assert tenants.cache(first, NEW, version_id=new, identity="7") == "HIT"
    assert tenants.cache(first, NEW, version_id=new) == "MISS"
    assert tenants.cache(second, NEW, identity="7") == "HIT"

    def purge(*words: str) -> str:
        tenants.run("purge", "tenants", KEY, "--bucket", first, *words)
        return capsys.readouterr().out

    assert purge("--version-id", old).startswith(f"{KEY}: purged 1 entries, ")
    assert tenants.cache(first, OLD, version_id=old) == "MISS"
    assert purge("--version-id", new, "--identity", "7").startswith(f"{KEY}: purged 1 entries, ")
    assert tenants.cache(first, NEW, version_id=new) == "HIT"
    assert tenants.cache(first, NEW, version_id=new, identity="7") == "MISS"
    assert tenants.cache(first, NEW, identity="7") == "HIT"
    assert purge().startswith(f"{KEY}: purged 4 entries, ")
    assert tenants.cache(second, NEW, identity="7") == "HIT"


def test_what_names_no_bytes_is_refused(tenants: Tenants, capsys: pytest.CaptureFixture[str]) -> None:
    """The version "null" is written anew, a bucket may lie outside of the pattern, or none be named."""
    first, _ = tenants.buckets
    inside = ("tenants", KEY, "--bucket", first)
    for words in (("warm", *inside, "--version-id", "null"), ("purge", *inside, "--version-id", "null")):
        with pytest.raises(InputRefused, match=r"--version-id|which object"):
            tenants.run(*words)
    with pytest.raises(InputRefused, match="not the id of a version"):
        tenants.run("purge", *inside, "--version-id", "a b")
    for bucket in ("other-bucket", None):
        words = ("tenants", KEY, *(("--bucket", bucket) if bucket else ()), "--identity", "1")
        with pytest.raises(InputRefused):
            tenants.run("purge", *words)
        with pytest.raises(CacheError, match="1 of 1 objects are not in the cache"):
            tenants.run("warm", *words)
        assert capsys.readouterr().out.startswith(f"FAILED tenants {bucket + '/' if bucket else ''}{KEY}: ")
