"""An origin with many buckets: its "*" stands for one name, and no URL leads to another bucket."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from string import ascii_lowercase, digits
from urllib.parse import unquote

from tests.maps.bench import Bench
from tests.maps.inputs import mostly, require_same
from tests.maps.url_model import taken_apart

PATTERNS = [
    "https://live-*.s3.test/", "https://*.s3.test/", "http://live-*-eu.s3.test:9000/", "https://s3.test/live-*/",
    "http://s3.test:9000/*/", "https://s3.test/live-*-eu/tenant/",
]  # fmt: skip
NAMES = [
    "a", "a-1", "live-1", "eu", "x-eu", "", "A", "a.b", "a/b", "*", "a%2fb", "a_b", "a%2e", "..", ".", "a-eu/../b",
]  # fmt: skip
KEYS = [
    "k", "a/b", "", "..", ".", "../x", "a/../../b", "a/..", "%2e%2e/x", "a/%2E./x", "a%2f..%2fb", "a%5c..%5cb",
    "..;x/b", "..%3bx", "...", "..a", "a..", ".a/b.", "a;../b", "a?../b", "a?x=/../y", "%2e", "a/.?b", "k;", "a/..?",
    "%252e%252e/x",
]  # fmt: skip
PIECES = [
    "%2e", "%2E", ".", ".", "/", "%2f", "%5C", "%3b", ";", "?", "a", "%", "2", "-eu", ".s3.test/", "/tenant/",
]  # fmt: skip


def model(pattern: str, url: str) -> str:
    before, after = pattern.split("*")
    if not url.startswith(before):
        return ""
    rest = url.removeprefix(before)
    name = next(
        (place for place, letter in enumerate(rest) if letter not in ascii_lowercase + digits + "-"),
        len(rest),
    )
    in_path = "/" in before.partition("://")[2]
    for end in range(1, name + 1):
        if rest[end:].startswith(after) and not (in_path and has_dots(rest[end + len(after) :])):
            return "1"
    return ""


def has_dots(key: str) -> bool:
    """Tell whether a storage that decodes once sees "." or ".." in it."""
    decoded = unquote(key.partition("?")[0], encoding="latin-1")
    return any(part.partition(";")[0] in (".", "..") for part in decoded.replace("\\", "/").split("/"))


def url(random: Random) -> str:
    before, after = random.choice(PATTERNS).split("*")
    key = random.choice([random.choice(KEYS), "".join(random.choices(PIECES, k=random.randint(1, 6)))])
    return before + random.choice(NAMES) + after + key


def test_a_url_is_of_a_bucket_of_the_pattern_or_refused(benches: Mapping[str, Bench]) -> None:
    random = Random(14)
    fixed = [pattern.replace("*", name) + key for pattern in PATTERNS for name in NAMES for key in KEYS]
    texts = fixed + [mostly(random, [url(random)]) for _ in range(30_000)]
    # a URL that is not plain is refused before
    rows = [(random.choice(PATTERNS), text) for text in texts if taken_apart(text)]
    rows += [(pattern, text) for pattern in PATTERNS for text in fixed if taken_apart(text)]
    expected = [model(*row) for row in rows]
    assert sum(map(bool, expected)) > 1000
    require_same(benches, "3-where/xaccel_is_origin_url", rows, expected)
