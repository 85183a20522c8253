"""Which Location of an app becomes a hand-off, by NGINX and by the middleware: hostile ones, and those of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from urllib.parse import unquote, urlsplit

from tests.maps.bench import Bench
from tests.maps.inputs import mostly, require_same
from xaccel.adapters.redirects import Follower
from xaccel.http_client.origin import DISGUISED
from xaccel.sender import Sender
from xaccel.site import read_mapping

ORIGINS = (
    " documents=https://s3.test/docs/ prefixed=https://bkt.s3.test/up/ !open=http://files.test:8080/shared/ "
)
BASES = {
    "documents": "https://s3.test/docs/",
    "prefixed": "https://bkt.s3.test/up/",
    "open": "http://files.test:8080/shared/",
}
SIGNATURE = f"X-Amz-Signature={'a1' * 32}"
KEYS = {
    "type": "s3",
    "endpoint_url": "https://s3.test",
    "region": "us-east-1",
    "access_key": "a",
    "secret_key": "b",
}
SITE = {
    "SECRET": "s" * 40,
    "ORIGINS": {
        "documents": {**KEYS, "bucket": "docs", "addressing_style": "path"},
        "prefixed": {**KEYS, "bucket": "bkt", "addressing_style": "virtual", "prefix": "up/"},
        "open": {"type": "http", "base_url": BASES["open"]},
    },
    "REDIRECTS": {"origins": [*BASES], "allow_unsigned": ["open"]},
}
"""The same origins, as the middleware of an app knows them."""
HOSTILE = [
    "https://s3.test/other/a", "https://s3.test/docs", "https://s3.test/docs/", "https://s3.test/docs-of-others/a",
    "https://s3.test/docs/../other/a", "https://s3.test/docs/%2e%2e/other/a", "https://s3.test/docs/..;x/other/a",
    "https://s3.test/docs/%252e%252e/other/a", "https://s3.test/docs/a/..%2f..%2fother/a",
    "https://s3.test/docs/..%5cother/a", "https://s3.test/docs/.", "https://s3.test/docs/a/%2E%2E",
    "https://s3.test:443@evil.test/docs/a", "https://s3.test@evil.test/docs/a", "https://evil.test/https://s3.test/docs/a",
    "https://s3.test.evil.test/docs/a", "https://s3.test:9000/docs/a", "http://s3.test/docs/a", "//s3.test/docs/a",
    "https:/s3.test/docs/a", "https:\\\\s3.test\\docs\\a", "https://s3.test\\docs/a", "https://s3.test/docs/a b",
    "https://s3.test/docs/a\tb", "https://s3.test/docs/\xe9", "https://s3.test/docs/a\x01", "https://s3.test/docs/a\"b",
    "HTTPS://S3.TEST/DOCS/a", "https://evil.test/ https://s3.test/docs/a", " https://s3.test/docs/a", "/docs/a",
    "a", "", "javascript:alert(1)", "file:///docs/a", "https://bkt.s3.test/a", "https://bkt.s3.test/up", "https://bkt.s3.test/upper/a",
    "http://files.test:8080/other/a", "http://files.test/shared/a", "https://files.test:8080/shared/a",
    "http://files.test:8080/shared/../other/a", "http://files.test:8080/shared/", "documents=https://s3.test/docs/ x",
]  # fmt: skip
ENDS = [
    "", "?", f"?{SIGNATURE}", f"?x=1&{SIGNATURE}", f"?{SIGNATURE}&y=2", f"#?{SIGNATURE}", f"?{SIGNATURE}#f",
    f"?x={SIGNATURE}", f"?{SIGNATURE[:-1]}", f"?{SIGNATURE.upper()}", f"?Not{SIGNATURE}", f"?{SIGNATURE} ",
    "?Signature=x",
]  # fmt: skip


def model(origins: str, location: str) -> str:
    """The origin of a Location, found without the engine's expressions."""
    if not re.fullmatch(r"https?://[\x21\x24-\x5b\x5d-\x7e]+", location):
        return ""
    place, _, query = location.partition("?")
    for name, base in BASES.items():
        key = place.removeprefix(base)
        if key == place or not key:
            continue
        decoded = unquote(unquote(urlsplit(place).path, "latin-1"), "latin-1").replace("\\", "/")
        dots = any(part.partition(";")[0] in (".", "..") for part in decoded.split("/"))
        if dots or DISGUISED.search(place):
            return ""
        signed = [part for part in query.split("&") if re.fullmatch(r"X-Amz-Signature=[0-9a-f]{64}", part)]
        version_2 = [
            part for part in query.split("&") if re.fullmatch(r"Signature=[A-Za-z0-9%]{27,90}", part)
        ]
        return name if signed or version_2 or name == "open" else ""
    return ""


def value(benches: Mapping[str, Bench], rows: list[tuple[str, str]]) -> list[str]:
    """What one build says to each row: the second map asks the first whether the URL is plain."""
    [bench, *_] = benches.values()
    below = [each.partition(",")[0] for each in bench.values("redirects/xaccel_redirect_below", rows)]
    plain = [(location, name) for (_, location), name in zip(rows, below, strict=True)]
    return bench.values("redirects/xaccel_redirect_by_url", plain)


def test_no_hostile_location_becomes_a_hand_off(benches: Mapping[str, Bench]) -> None:
    hostile = [start + end for start in HOSTILE for end in ENDS]
    assert len(hostile) >= 400
    rows = [(ORIGINS, location) for location in hostile]
    follower = Follower(Sender(read_mapping.read(SITE)))
    assert [location for location in hostile if follower.origin_of(location)] == []
    through = [location for (_, location), name in zip(rows, value(benches, rows), strict=True) if name]
    assert through == []


def test_a_location_is_below_an_origin_or_passes(benches: Mapping[str, Bench]) -> None:
    random = Random(40)
    keys = [
        "a",
        "a/b%20c",
        "..a/b",
        "a..",
        "a;b",
        "a@b:c",
        "a%2Fb",
        "%E2%82%AC",
        "a/..;x",
        "a/%2e",
        "x//y",
        "a?b",
    ]
    bases = [*BASES.values(), "https://s3.test/", "https://evil.test/docs/"]
    samples = [base + key + end for base in bases for key in keys for end in ENDS]
    texts = samples + [mostly(random, samples) for _ in range(20_000)]
    rows = [(ORIGINS, location) for location in texts]
    expected = [model(*row) for row in rows]
    assert sum(map(bool, expected)) > 1000
    follower = Follower(Sender(read_mapping.read(SITE)))
    for text, wanted in zip(texts, expected, strict=True):
        assert follower.origin_of(text) == wanted, text
    below = [(location, name) for (_, location), name in zip(rows, expected, strict=True)]
    require_same(benches, "redirects/xaccel_redirect_by_url", below, expected)
    found = value(benches, rows)
    wrong = [
        (row[1], name, wanted)
        for row, name, wanted in zip(rows, found, expected, strict=True)
        if name != wanted
    ]
    assert not wrong, wrong[:10]
