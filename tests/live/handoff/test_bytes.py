"""The right object, byte for byte, whatever its key."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from tests.live.conftest import Live

KEYS = (
    "plain.txt",
    "a b.txt",
    "a+b.txt",
    "a%20b.txt",
    "a%2Fb.txt",
    "a%252Fb.txt",
    "100%.txt",
    "%41.txt",
    "A.txt",
    "q?x=1.txt",
    "h#frag.txt",
    "am&p=1;s.txt",
    'quote"double.txt',
    "quote'single.txt",
    "back\\slash.txt",
    "tilde~.txt",
    "d//e.txt",
    "naïve é.txt",
    "e\u0301.txt",
    "日本語 文書.txt",
    "مستند عربي.txt",
    "emoji 😀.txt",
    "semi;colon,comma=equals.txt",
    "par(en)[the]{ses}.txt",
    "dollar$sign.txt",
    "pipe|caret^back`tick.txt",
    "<angle>.txt",
    "at@colon:.txt",
)
# SeaweedFS takes "//" for "/": of two such keys only one can be stored there.
S3_KEYS = (*KEYS, "//lead.txt", "line\nbreak.txt", "tab\tand\x01control.txt")
LOCAL_KEYS = (*(key for key in KEYS if "//" not in key), "line\nbreak.txt")


def content(key: str) -> bytes:
    return f"content of {key!r}".encode() * 3


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    for key in S3_KEYS:
        places.s3.put(places.bucket, key, content(key), "text/plain")
    for key in LOCAL_KEYS:
        file = places.media / key
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content(key))


@pytest.mark.parametrize("origin", ["documents", "vhost", "cached"])
def test_every_key_of_a_bucket_arrives_unchanged(live: Live, origin: str) -> None:
    for key in S3_KEYS:
        options = {"cache_version": hashlib.sha256(content(key)).hexdigest()}
        for _ in range(2):
            reply = live.get(origin, key, options=options)
            assert (reply.status, reply.body) == (200, content(key)), key


def test_every_file_of_a_directory_arrives_unchanged(live: Live) -> None:
    for key in LOCAL_KEYS:
        reply = live.get("media", key)
        assert (reply.status, reply.body) == (200, content(key)), key


def test_every_key_reaches_an_http_origin_percent_encoded_once(live: Live) -> None:
    for key in (*S3_KEYS, "d/e.txt", "/lead.txt", "trail/"):
        assert live.get("partner", key).status == 200
        assert live.places.origin.requests[-1].target == f"/files/{quote(key, safe='/')}"


@pytest.mark.parametrize(
    "rest", ["%7Etilde", "a%2fb%2Fc", "x?a=%20b&c=+d%26", "//double//", "%C3%A9'()*!", "a;b=c,d", "x?"]
)
def test_a_stored_url_is_requested_byte_for_byte(live: Live, rest: str) -> None:
    url = f"{live.places.origin.url}/files/{rest}"
    assert live.get(None, url=url).status == 200
    assert live.places.origin.requests[-1].target == f"/files/{rest}"


def test_the_prefix_of_an_origin_is_put_before_the_key(live: Live) -> None:
    live.places.s3.put(live.places.bucket, "tenant-a/report.txt", b"of tenant a")
    assert live.get("prefixed", "report.txt").body == b"of tenant a"


def test_an_empty_object_is_an_empty_answer_with_a_length(live: Live) -> None:
    live.places.s3.put(live.places.bucket, "empty", b"")
    reply = live.get("documents", "empty")
    assert (reply.status, reply.body, reply.one("Content-Length")) == (200, b"", "0")
