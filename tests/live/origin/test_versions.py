"""A bucket with versions: a pinned one is sent to its end, whatever is written meanwhile; the deleted is missing."""

from __future__ import annotations

import secrets

import pytest

from tests.live.client import ask
from tests.live.conftest import Live, versioned
from xaccel import ObjectRef
from xaccel.sender import Sender
from xaccel.tools.explain.ask_storage import ask_storage

OLD, NEW = b"old " * 512, b"new " * 512


def written(live: Live, key: str, body: bytes) -> str:
    answer = live.places.s3.client().put_object(Bucket=versioned(live.places.bucket), Key=key, Body=body)
    version: str = answer["VersionId"]
    return version


def name() -> str:
    return f"versions/{secrets.token_hex(4)} +.bin"


@pytest.mark.parametrize("origin", ["versioned", "versioned-cached"])
def test_a_download_of_a_pinned_version_is_resumed_with_its_own_bytes(live: Live, origin: str) -> None:
    key = name()
    pinned = {"version_id": written(live, key, OLD)}
    first = live.get(origin, key, headers={"Range": "bytes=0-999"}, options=pinned)
    written(live, key, NEW)
    # neither sends If-Range: nothing but the version keeps the parts together
    second = live.get(origin, key, headers={"Range": "bytes=1000-1999"}, options=pinned)
    third = live.get(origin, key, headers={"Range": "bytes=2000-"}, options=pinned)
    assert [reply.status for reply in (first, second, third)] == [206, 206, 206]
    assert first.body + second.body + third.body == OLD
    spliced = live.get(origin, key, headers={"Range": "bytes=1000-1999"})
    assert spliced.body == NEW[1000:2000]
    head = live.get(origin, key, method="HEAD", options=pinned)
    assert (head.status, head.one("Content-Length"), head.one("ETag")) == (200, "2048", first.one("ETag"))


def test_versions_are_cached_apart_without_another_identity(live: Live) -> None:
    key = name()
    old, new = written(live, key, OLD), written(live, key, NEW)
    for _ in range(2):
        assert live.get("versioned-cached", key, options={"version_id": old}).body == OLD
        assert live.get("versioned-cached", key, options={"version_id": new}).body == NEW
    _, line = live.logged("versioned-cached", key, options={"version_id": old})
    assert line["cache"] == "HIT"


def test_a_deleted_object_is_missing_and_its_versions_are_not(live: Live) -> None:
    key = name()
    version = written(live, key, OLD)
    client, bucket = live.places.s3.client(), versioned(live.places.bucket)
    marker = client.delete_object(Bucket=bucket, Key=key)["VersionId"]
    reply, line = live.logged("versioned", key)
    assert (reply.status, reply.body) == (404, b"Not found.\n")
    assert (line["status"], line["why"]) == ("404", "origin_404")
    assert not any(key.lower().startswith("x-amz") for key, _ in reply.headers)
    assert ask_storage(live.places.site, ObjectRef("versioned", key)).code == "NoSuchKey"
    assert live.get("versioned", key, options={"version_id": version}).body == OLD
    assert live.get("versioned", key, options={"version_id": marker}).status in (404, 502)
    client.delete_object(Bucket=bucket, Key=key, VersionId=version)
    gone = live.get("versioned", key, options={"version_id": version})
    assert (gone.status, gone.body) == (404, b"Not found.\n")
    assert ask_storage(live.places.site, ObjectRef("versioned", key), version).code in (
        "NoSuchVersion",
        "NoSuchKey",
    )


def test_the_storage_verifies_the_requester_pays_parameter(live: Live) -> None:
    """SeaweedFS knows no Requester Pays; it verifies the signature over the whole query."""
    key = name()
    written(live, key, OLD)
    assert live.get("versioned", key).body == OLD
    assert live.get("versioned", key, method="HEAD").status == 200
    signed = Sender(live.places.site).hand_off(ObjectRef("versioned", key)).target
    port = int(live.places.s3.address.rpartition(":")[2])
    path = signed[len(live.places.s3.endpoint) :]
    assert ask(port, path).status == 200
    assert ask(port, path.replace("x-amz-request-payer=requester&", "")).status == 403
