"""The CRC-32 of an object is that of its bytes, and never of another version."""

from __future__ import annotations

import base64
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.origin import Answer, Request, origin_server
from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, S3Origin, Sender, Site
from xaccel.errors import ArchiveRefused
from xaccel.features.archives.crc import Checked, combine, find_crc32
from xaccel.site.origins import Origin

BODY = random.Random(4).randbytes(3_000_000)
REF = ObjectRef("docs", "a/ü.bin")


def sender(origin: Origin) -> Sender:
    return Sender(Site(origins={"docs": origin}, secrets=("s" * 32,)))


def find(answer: Callable[[Request], Answer], s3: bool = False) -> tuple[Checked, list[Request]]:
    with origin_server(answer) as server:
        if s3:
            keys = {"access_key": "a", "secret_key": "b", "region": "us-east-1"}
            origin: Origin = S3Origin(bucket="docs", endpoint_url=server.url.rstrip("/"), **keys)
        else:
            origin = HTTPOrigin(base_url=server.url)
        return find_crc32(sender(origin), REF), server.requests


def test_combined_parts_have_the_crc32_of_the_whole() -> None:
    source = random.Random(4)
    for _ in range(200):
        first, second = (source.randbytes(source.choice([0, 1, 7, 64, 5000])) for _ in range(2))
        assert combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)
    # 5 TB, half by half
    crc32, size = zlib.crc32(b"\0" * 1024), 1024
    for _ in range(32):
        crc32, size = combine(crc32, crc32, size), size * 2
    assert combine(zlib.crc32(b"x"), crc32, size) != crc32


def test_an_object_is_read_once_in_its_version() -> None:
    sizes: list[int] = []

    def answer(request: Request) -> Answer:
        assert request.method == "HEAD" or request.header("If-Match") == '"e1"'
        return Answer(headers=[("ETag", '"e1"')], body=BODY)

    with origin_server(answer) as server:
        found = find_crc32(sender(HTTPOrigin(base_url=server.url)), REF, read=sizes.append)
    assert found == Checked(len(BODY), '"e1"', zlib.crc32(BODY))
    assert sum(sizes) == len(BODY)
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


WRONG: dict[str, tuple[dict[str, Answer], str]] = {
    "missing": ({"HEAD": Answer(404)}, "responds with 404"),
    "without an entity tag": ({"HEAD": Answer(body=BODY)}, "no strong entity tag"),
    "with a weak one": ({"HEAD": Answer(headers=[("ETag", 'W/"e1"')], body=BODY)}, "no strong entity tag"),
    "replaced, and the server knows": ({"GET": Answer(412)}, "was replaced"),
    "replaced, and the server ignores If-Match": (
        {"GET": Answer(headers=[("ETag", '"e2"')], body=BODY)},
        "was replaced",
    ),
    "of another size": ({"GET": Answer(headers=[("ETag", '"e1"')], body=BODY[1:])}, "was replaced"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_object_has_no_crc32(what: str) -> None:
    answers, words = WRONG[what]
    right = Answer(headers=[("ETag", '"e1"')], body=BODY)
    with pytest.raises(ArchiveRefused, match=words):
        find(lambda request: answers.get(request.method, right))


def test_a_body_that_is_cut_has_no_crc32() -> None:
    cut = [("ETag", '"e1"'), ("Content-Length", str(len(BODY)))]
    with pytest.raises(ArchiveRefused, match="transfer was cut"):
        find(
            lambda request: (
                Answer(headers=cut[:1], body=BODY)
                if request.method == "HEAD"
                else Answer(headers=cut, body=BODY[:100_000], close=True)
            )
        )


def checksum(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def test_s3_is_asked_for_the_crc32_that_it_has() -> None:
    headers = [
        ("ETag", '"e1"'),
        ("x-amz-checksum-crc32", checksum(BODY)),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ]
    found, requests = find(lambda _: Answer(headers=headers, body=BODY), s3=True)
    assert found == Checked(len(BODY), '"e1"', zlib.crc32(BODY))
    assert [request.method for request in requests] == ["HEAD"]
    assert "x-amz-checksum-mode=ENABLED" in requests[0].target


PARTS = [BODY[:1_000_000], BODY[1_000_000:2_500_000], BODY[2_500_000:]]


def parts(request: Request, *, etag: str = '"e-3"', lost: int = 0) -> Answer:
    number = int(request.target.partition("partNumber=")[2].partition("&")[0] or 0)
    if not number:
        return Answer(headers=[("ETag", '"e-3"'), ("x-amz-checksum-crc32", "cC/AyA==-3")], body=BODY)
    content = PARTS[number - 1]
    more = [] if number == lost else [("x-amz-checksum-crc32", checksum(content))]
    return Answer(206, headers=[("ETag", etag), *more], body=content)


def test_the_crc32_of_parts_are_combined() -> None:
    found, requests = find(parts, s3=True)
    assert found == Checked(len(BODY), '"e-3"', zlib.crc32(BODY))
    assert [request.method for request in requests] == ["HEAD"] * 4


@pytest.mark.parametrize("wrong", [{"lost": 1}, {"lost": 3}, {"etag": '"other"'}])
def test_an_object_with_a_part_without_crc32_is_read(wrong: dict[str, object]) -> None:
    found, requests = find(lambda request: parts(request, **wrong), s3=True)  # type: ignore[arg-type]
    assert found == Checked(len(BODY), '"e-3"', zlib.crc32(BODY))
    assert requests[-1].method == "GET"


@pytest.mark.parametrize("number", ["10001", "999999999", "9" * 5000])
def test_an_object_of_more_parts_than_an_upload_has_is_read(number: str) -> None:
    headers = [("ETag", '"e-3"'), ("x-amz-checksum-crc32", f"cC/AyA==-{number}")]
    found, requests = find(lambda _: Answer(headers=headers, body=BODY), s3=True)
    assert found == Checked(len(BODY), '"e-3"', zlib.crc32(BODY))
    assert [request.method for request in requests] == ["HEAD", "GET"]


def test_a_file_has_the_entity_tag_that_nginx_gives_it(tmp_path: Path) -> None:
    path = tmp_path / REF.key
    path.parent.mkdir()
    path.write_bytes(BODY)
    os.utime(path, (0, 0x65000000))
    found = find_crc32(sender(LocalOrigin(root=str(tmp_path))), REF)
    assert found == Checked(len(BODY), f'"65000000-{len(BODY):x}"', zlib.crc32(BODY))


def test_a_file_that_changes_while_it_is_read_has_no_crc32(tmp_path: Path) -> None:
    path = tmp_path / REF.key
    path.parent.mkdir()
    path.write_bytes(BODY)

    def append(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"x")

    with pytest.raises(ArchiveRefused, match="was replaced"):
        find_crc32(sender(LocalOrigin(root=str(tmp_path))), REF, read=append)


@pytest.mark.parametrize(
    ("size", "checksum"),
    [
        ("9" * 30, "AAAAAA=="),
        ("5", "AAAAAAAAAAAA"),
        ("5", "AAAA"),
        ("5", "AA;AA;AA=="),
        ("9" * 30, "AAAAAAAAAAAA"),
    ],
)
def test_a_hostile_storage_gives_no_number_that_a_database_refuses(size: str, checksum: str) -> None:
    headers = [("ETag", '"e1"'), ("Content-Length", size), ("x-amz-checksum-crc32", checksum)]
    with pytest.raises((ArchiveRefused, ValueError)):
        find(lambda _: Answer(headers=headers), s3=True)
