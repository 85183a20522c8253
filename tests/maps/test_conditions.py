"""Ranges and conditions: what is requested from the origin is what a plain Python model says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.maps.bench import Bench
from tests.maps.chains import CONDITION_INPUTS
from tests.maps.inputs import BYTES, mostly, require_same

RANGES = [
    "", "bytes=0-0", "bytes=0-499", "bytes=500-", "bytes=-500", "Bytes=1-2", "bytes=9-1", "bytes=0-1,3-4", "bytes=-",
    "bytes=", "bytes=0-1-2", "bytes= 0-1", "bytes=0 -1", "items=0-1", "bytes=0x1-2", "bytes=+1-2", "bytes=1.5-2",
    "bytes=99999999999999999999-", "bytes=999999999999999999-", "bytes=-1000000000000000000",
    "bytes=0-18446744073709551616", "bytes=--1", "bytes:0-1", "0-1", "bytes=0-1,",
]  # fmt: skip
TAGS = ['"a"', '"b"', 'W/"a"', '""', '"a", "b"', "*", '"a b"', '"a|b"', "a", '"é"']
DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
"""RFC 9110 section 5.6.7. Older forms are not passed on, and an invalid date must be ignored (section 13.1.3)."""
DATES = [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "1994-11-06",
    "Mon, 07 Nov 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt", "0", "-1",
]  # fmt: skip


@dataclass(frozen=True)
class Client:
    """What the client sent and the app gave, in the order of the chain."""

    range: str
    if_range: str
    if_match: str
    if_unmodified_since: str
    if_none_match: str
    if_modified_since: str
    etag: str
    last_modified: str
    refetch_whole: str

    @property
    def row(self) -> tuple[str, ...]:
        return tuple(vars(self).values())


def one_range(text: str) -> str:
    """Return the range if it is a single one (RFC 9110 section 14.1.2) with numbers of at most 18 digits."""
    unit, equals, rest = text.partition("=")
    first, dash, last = rest.partition("-")
    numbers = first + last
    good = unit.lower() == "bytes" and equals and dash and numbers and numbers.isascii() and numbers.isdigit()
    return text if good and max(len(first), len(last)) <= 18 else ""


def date(text: str) -> str:
    return text if DATE.fullmatch(text) else ""


def app_has_it(client: Client) -> bool:
    """Tell whether If-Range has the app's own validator, compared strongly (RFC 9110 section 13.1.5)."""
    tag = client.if_range
    inside = tag[1:-1]
    is_tag = len(tag) >= 2 and tag[0] == tag[-1] == '"' and '"' not in inside and " " not in inside
    if is_tag and tag == client.etag:
        return True
    plain = tag.isascii() and all(letter.isalnum() or letter in " ,:" for letter in tag)
    return bool(tag) and plain and tag == client.last_modified


def model(client: Client) -> str:
    wanted = one_range(client.range)
    if client.etag or client.last_modified:
        # the app has answered the conditions
        sent = "" if client.refetch_whole or (client.if_range and not app_has_it(client)) else wanted
        return "\n".join([sent, "", "", "", "", ""])
    match, since, sent = client.if_match, client.if_unmodified_since, wanted
    if client.refetch_whole:
        sent = ""
    elif client.if_range:
        is_tag = client.if_range.startswith('"')
        if not wanted or match or since or not (is_tag or date(client.if_range)):
            sent = ""
        elif is_tag:
            match = client.if_range
        else:
            since = client.if_range
    dates = [date(since), date(client.if_modified_since)]
    return "\n".join([sent, client.if_range, match, dates[0], client.if_none_match, dates[1]])


def client(random: Random) -> Client:
    def often(samples: list[str], none: int) -> str:
        return "" if random.randrange(4) < none else mostly(random, samples, BYTES)

    etag, changed = often(TAGS, 2), often(DATES, 2)
    known = [value for value in (etag, changed) if value]
    return Client(
        range=often(RANGES, 1),
        if_range=random.choice(known) if known and random.randrange(2) else often([*TAGS, *DATES], 1),
        if_match=often(TAGS, 3),
        if_unmodified_since=often(DATES, 3),
        if_none_match=often(TAGS, 2),
        if_modified_since=often(DATES, 2),
        etag=etag,
        last_modified=changed,
        refetch_whole=random.choice(["", "", "", "1"]),
    )


def test_the_chain_has_the_inputs_of_the_model() -> None:
    assert [name.removeprefix("http_").removeprefix("xaccel_") for name in CONDITION_INPUTS] == [
        *Client.__dataclass_fields__
    ]


def test_one_range_passes_and_nothing_else(benches: Mapping[str, Bench]) -> None:
    random = Random(4)
    rows = [(text,) for text in RANGES] + [(f"bytes=0-{byte}",) for byte in BYTES]
    rows += [(mostly(random, RANGES, BYTES),) for _ in range(20_000)]
    rows += [(f"bytes={'9' * size}-{'0' * size}",) for size in (100, 1000, 5000)]
    expected = [one_range(text) for (text,) in rows]
    assert sum(map(bool, expected)) > 2000
    require_same(benches, "4-request/xaccel_single_range", rows, expected)


def test_the_conditions_of_a_client_are_passed_on_as_the_model_says(benches: Mapping[str, Bench]) -> None:
    """With If-Range, that is a range with a guard, or for the app's own validator: never a part of another object."""
    random = Random(5)
    clients = [client(random) for _ in range(40_000)]
    expected = [model(found) for found in clients]
    require_same(benches, "chain/conditions", [found.row for found in clients], expected)
    unguarded, parts = [], 0
    for found, value in zip(clients, expected, strict=True):
        origin_range, _, if_match, if_unmodified_since, *_ = value.split("\n")
        if not origin_range or not found.if_range:
            continue
        parts += 1
        guarded = found.if_range in (if_match, if_unmodified_since)
        if not guarded and found.if_range not in (found.etag, found.last_modified):
            unguarded.append(found)
    assert parts > 1000
    assert unguarded == []
