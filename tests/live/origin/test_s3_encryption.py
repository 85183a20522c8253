"""Encrypted objects are sent decrypted, with Signature Version 4, and without the storage's encryption headers."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.conftest import Live
from xaccel import ObjectRef
from xaccel.sender import Sender

BODY = bytes(range(256)) * 20
"""Of 5 KB: five slices, where there are slices."""
KINDS = {
    "SSE-KMS": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/acme"},
    "SSE-S3": {"ServerSideEncryption": "AES256"},
}


@pytest.mark.parametrize("origin", ["documents", "cached"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_the_storage_encrypted_is_sent_decrypted(live: Live, kind: str, origin: str) -> None:
    client, bucket, key = live.places.s3.client(), live.places.bucket, f"encrypted/{secrets.token_hex(8)}"
    client.put_object(Bucket=bucket, Key=key, Body=BODY, **KINDS[kind])
    kept = client.head_object(Bucket=bucket, Key=key)
    assert {name: kept[name] for name in KINDS[kind]} == KINDS[kind]
    query = parse_qs(urlsplit(Sender(live.places.site).hand_off(ObjectRef(origin, key)).target).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]

    options = {"cache_version": key, "size": len(BODY)}
    head = live.get(origin, key, method="HEAD", options=options)
    whole = live.get(origin, key, options=options)
    part = live.get(origin, key, headers={"Range": "bytes=1020-4200"}, options=options)
    assert (head.status, head.one("Content-Length")) == (200, str(len(BODY)))
    assert (whole.status, whole.body, part.status, part.body) == (200, BODY, 206, BODY[1020:4201])
    for reply in (head, whole, part):
        assert reply.one("ETag") == kept["ETag"]
        assert not any(name.lower().startswith("x-amz") for name, _ in reply.headers)
