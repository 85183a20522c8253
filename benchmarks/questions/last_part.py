"""Does the last part of a response wait until the client acknowledges the part before?

It does with `tcp_nopush`, over loopback and for some sizes: then the response takes 40 ms longer. See "Send from a
file" in docs/background/performance.md.
"""

from __future__ import annotations

import time
from contextlib import closing
from http.client import HTTPConnection

from benchmarks.measure.question import Cell, Question, Size, Table, Target, require

_SIZES = (20_000, 70_000, 98_304, 262_144)
_FROM = 3000
"""The first byte of a range: in the middle of a page of memory, as the body of a cache hit."""
_RESPONSES = {"full": 2000, "quick": 200, "smoke": 3}
_LONG_S = 0.03
"""Linux acknowledges after 40 ms at the earliest if it waits for more."""
_MOST = 0.01
"""Of all responses: on a busy machine one takes so long for other reasons."""
_NOPUSH = "a range of a static file, with tcp_nopush"


def answer(size: Size) -> list[Table]:
    """Count the responses that take long, each on a connection that is used again."""
    from benchmarks.servers.front import stage

    files = {f"{count}.bin": count for count in _SIZES}
    rows: list[tuple[Cell, ...]] = []
    targets = []
    with stage(files, njs=False) as behind:
        for variant in behind.variants:
            front = behind.front(variant)
            ways = {
                _NOPUSH: (front.static_port, "", _FROM),
                "a range of a file in a directory": (front.port, "/local", _FROM),
                "a cache hit": (front.port, "/cached", 0),
            }
            for way, (port, place, first) in ways.items():
                found = [
                    _long(port, f"{place}/{name}", count - first, first, _RESPONSES[size])
                    for name, count in files.items()
                ]
                rows.append((f"{variant.name}, {way}", *found))
                if way != _NOPUSH:
                    share = sum(found) / (len(found) * _RESPONSES[size])
                    what = f"{variant.name}, {way}: share of the responses that wait"
                    targets.append(Target(what=what, limit=_MOST, measured=share, unit=""))
    return [
        Table(
            title=f"Responses of {_RESPONSES[size]:,} that take more than {_LONG_S * 1e3:.0f} ms",
            columns=("NGINX, response", *(f"{count:,} bytes" for count in _SIZES)),
            rows=tuple(rows),
            note=f"One client over loopback. A range begins at byte {_FROM:,}.",
            targets=tuple(targets),
        )
    ]


def _long(port: int, path: str, length: int, first: int, responses: int) -> int:
    """Return how many responses take long. The first one, which may fill the cache, does not count."""
    headers, status = ({"Range": f"bytes={first}-"}, 206) if first else ({}, 200)
    seconds = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for _ in range(1 + responses):
            before = time.perf_counter()
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            came = len(response.read())
            seconds.append(time.perf_counter() - before)
            require((response.status, came) == (status, length), f"{path}: {response.status}, {came} bytes")
    return sum(one > _LONG_S for one in seconds[1:])


QUESTION = Question(asks="whether the last part of a response waits for the client", answer=answer)
