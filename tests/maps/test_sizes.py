"""Sizes: NGINX compares no numbers, so regular expressions do. They agree with Python's integers."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from tests.maps.bench import Bench
from tests.maps.inputs import mostly, require_same

EDGES = [0, 1, 8, 9, 10, 11, 99, 100, 101, 999_999_999, 10**9, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64]
LENGTHS = ["", "0", "5", "55", "9", "99", "2147483648", "05", "5 ", "x", "-5", "5|5"]
CONTENT_RANGES = [
    "", "bytes 0-4/5", "bytes 0-4/55", "bytes 0-4/9", "bytes 0-4/*", "bytes */5", "bytes 0-4/5, bytes 0-4/5",
    "Bytes 0-4/5", "bytes 0-4/05", "bytes 5-4/5", "bytes 0-4", "bytes 0-/5", "0-4/5",
]  # fmt: skip


def number(random: Random) -> int:
    if random.randrange(4) == 0:
        return max(0, random.choice(EDGES) + random.randint(-2, 2))
    return random.randrange(10 ** random.randint(1, 21))


def pair(random: Random) -> tuple[int, int]:
    """Return two numbers that are often alike at the beginning or at the end."""
    first = number(random)
    digits = list(str(first))
    for _ in range(random.randrange(3)):
        digits[random.randrange(len(digits))] = random.choice("0123456789")
    return random.choice(
        [(first, number(random)), (first, int("".join(digits))), (first, first), (first, first + 1)]
    )


@pytest.mark.parametrize("name", ["xaccel_too_large", "xaccel_response_too_large"])
def test_larger_means_larger(benches: Mapping[str, Bench], name: str) -> None:
    random = Random(7)
    pairs = [pair(random) for _ in range(30_000)]
    pairs += [(first + more, second) for first in EDGES for second in EDGES for more in (0, 1)]
    rows = [(f"{'0' * random.choice([0, 0, 0, 1, 3])}{first}", str(second)) for first, second in pairs]
    expected = ["1" if first > second else "" for first, second in pairs]
    require_same(benches, f"9-cache/{name}", rows, expected)


@pytest.mark.parametrize("name", ["xaccel_too_large", "xaccel_response_too_large"])
def test_text_that_is_not_a_number_is_not_larger(benches: Mapping[str, Bench], name: str) -> None:
    random = Random(8)
    rows = []
    while len(rows) < 10_000:
        row = tuple(mostly(random, ["", "9", "12345", "2147483648", "9" * 18]) for _ in range(2))
        if not all(text.isascii() and text.isdigit() for text in row):
            rows.append(row)
    for bench in benches.values():
        found = bench.values(f"9-cache/{name}", rows)
        # spaces between two numbers are the only way to more than two
        wrong = [
            row for row, value in zip(rows, found, strict=True) if value and " ".join(row).count(" ") == 1
        ]
        assert wrong == []


def part_of(text: str) -> str | None:
    """Return the size in a Content-Range of a part, "*" if it does not say; None if it is no such header."""
    if not text.startswith("bytes "):
        return None
    numbers, slash, total = text.removeprefix("bytes ").partition("/")
    first, dash, last = numbers.partition("-")
    digits = [first, last] + ([] if total == "*" else [total])
    return total if slash and dash and all(word.isascii() and word.isdigit() for word in digits) else None


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def sent_agrees(status: str, size: str, length: str, content_range: str) -> str:
    """Compare the app's size with what was sent. Lengths are written as they are: "05" is not 5."""
    if not is_number(size):
        return "1"
    total = part_of(content_range)
    if status == "200" and is_number(length) and length != size:
        return ""
    if status == "206" and total not in (None, "*", size):
        return ""
    return "1"


def origin_agrees(size: str, length: str, content_range: str) -> str:
    if not is_number(size):
        return "1"
    if content_range == "":
        return "" if is_number(length) and length != size else "1"
    return "" if part_of(content_range) not in (None, "*", size) else "1"


def test_the_size_of_the_app_is_held_against_the_response(benches: Mapping[str, Bench]) -> None:
    random = Random(9)
    separators = [text for text in LENGTHS if "|" not in text]
    rows = [
        (
            random.choice(["200", "206", "206", "304", "404"]),
            mostly(random, separators, "0123456789 x-"),
            mostly(random, separators, "0123456789 x-"),
            mostly(random, CONTENT_RANGES, "0123456789 x-*/,"),
        )
        for _ in range(30_000)
    ]
    expected = [sent_agrees(*row) for row in rows]
    require_same(benches, "5-passes/xaccel_size_ok", rows, expected)
    of_origin = [row[1:] for row in rows]
    expected = [origin_agrees(*row) for row in of_origin]
    require_same(benches, "5-passes/xaccel_response_size_ok", of_origin, expected)


def test_a_part_is_a_part(benches: Mapping[str, Bench]) -> None:
    random = Random(10)
    rows = [(mostly(random, CONTENT_RANGES),) for _ in range(20_000)]
    expected = ["none" if text == "" else "bad" if part_of(text) is None else "ok" for (text,) in rows]
    require_same(benches, "5-passes/xaccel_content_range_kind", rows, expected)
