"""The CRC-32 that an S3 server has, and what it lacks."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from xaccel import ObjectRef, S3Origin, Sender, Site
from xaccel.features.archives.crc import Checked, find_crc32
from xaccel_testing import S3Server

FIRST, SECOND = bytes(range(256)) * 20480, b"the end"
"""A part has at least 5 MiB, but the last one."""


@pytest.fixture(scope="module")
def sender(s3: S3Server) -> Sender:
    s3.create_bucket("crc")
    keys: dict[str, Any] = {"access_key": s3.access_key, "secret_key": s3.secret_key, "region": "us-east-1"}
    origin = S3Origin(bucket="crc", endpoint_url=s3.endpoint, **keys)
    return Sender(Site(origins={"docs": origin}, secrets=("s" * 32,)))


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_an_object_is_read_only_if_s3_has_no_crc32(s3: S3Server, sender: Sender, algorithm: str) -> None:
    read: list[int] = []
    done = s3.client().put_object(Bucket="crc", Key="a/ü", Body=FIRST, ChecksumAlgorithm=algorithm)
    found = find_crc32(sender, ObjectRef("docs", "a/ü"), read=read.append)
    assert found == Checked(len(FIRST), done["ETag"], zlib.crc32(FIRST))
    assert sum(read) == (0 if algorithm == "CRC32" else len(FIRST))


def test_an_upload_in_parts_has_the_crc32_of_its_bytes(s3: S3Server, sender: Sender) -> None:
    client, where = s3.client(), {"Bucket": "crc", "Key": "parts"}
    upload = client.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")["UploadId"]
    parts = []
    for number, body in enumerate((FIRST, SECOND), 1):
        done = client.upload_part(
            **where, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32"
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumCRC32": done["ChecksumCRC32"]})
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    found = find_crc32(sender, ObjectRef("docs", "parts"))
    assert (found.size, found.crc32) == (len(FIRST + SECOND), zlib.crc32(FIRST + SECOND))
