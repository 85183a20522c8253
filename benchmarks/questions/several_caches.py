"""How many requests reach the origin if several NGINX cache, by how a balancer chooses one of them?

At full size also with caches that have room for a third of the objects. `keys` bounds them, because NGINX applies
`max_size` only every ten seconds.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure.question import Cell, Question, Size, Table, Target, WrongAnswer, require

if TYPE_CHECKING:
    from benchmarks.servers.front import Front, Stage

_NGINX = 3
_BYTES = 4_000
_OBJECTS = {"full": 1_200, "quick": 600, "smoke": 60}
_REQUESTS = {"full": 12_000, "quick": 2_000, "smoke": 300}
_KEYS = {True: "10m", False: "64k"}
"""Memory for the keys, by whether a cache has room for all objects. 64 KB are enough for 447."""
_ROUTES = {
    "in turns": "",
    "by a hash of the path": "hash $uri;",
    "by a consistent hash of the path": "hash $uri consistent;",
}


def answer(size: Size) -> list[Table]:
    """Send the same requests by each way to choose, and then again with one NGINX more."""
    from benchmarks.servers.front import stage

    objects = {f"object-{number}.bin": _BYTES for number in range(_OBJECTS[size])}
    requests = _popular(list(objects), 2 * _REQUESTS[size])
    warm_up, measured = requests[: _REQUESTS[size]], requests[_REQUESTS[size] :]
    rows: list[tuple[Cell, ...]] = []
    fetched: dict[tuple[bool, str], int] = {}
    with stage(objects, njs=False) as behind:
        for has_room in (False, True) if size == "full" else (True,):
            for route, hash_ in _ROUTES.items():
                fronts = _fronts(behind, _KEYS[has_room])
                first = _send(behind, fronts[:_NGINX], hash_, warm_up)
                then = _send(behind, fronts[:_NGINX], hash_, measured)
                more = _send(behind, fronts, hash_, measured)
                fetched[has_room, route] = first["MISS"] + then["MISS"]
                rows.append(
                    (
                        f"{'all' if has_room else 'a third'}, {route}",
                        _percent(then["HIT"], len(measured)),
                        fetched[has_room, route],
                        _percent(max(then[name] for name in then if name.isdigit()), len(measured)),
                        _percent(more["HIT"], len(measured)),
                    )
                )
    consistent, turns = fetched[True, "by a consistent hash of the path"], fetched[True, "in turns"]
    return [
        Table(
            title=f"{_NGINX} NGINX with a cache each",
            columns=(
                "each has room for … of the objects, and is chosen",
                "hits",
                "requests to the origin",
                "requests of the busiest NGINX",
                "hits, with a fourth NGINX",
            ),
            rows=tuple(rows),
            note=f"{len(requests):,} requests for {len(objects)} objects of 4 KB, the n-th as popular as 1/n."
            " Hits are of the second half; a fourth, empty NGINX then gets the second half again.",
            targets=(
                Target(
                    what="requests to the origin by a consistent hash, over those in turns",
                    limit=0.6,
                    measured=consistent / turns,
                    unit="times",
                    timed=False,
                ),
            ),
        )
    ]


def _popular(names: Sequence[str], count: int) -> list[str]:
    weights = accumulate(1 / rank for rank in range(1, len(names) + 1))
    return random.Random(17).choices(names, cum_weights=list(weights), k=count)


def _fronts(behind: Stage, keys: str) -> list[Front]:
    cache = behind.site.cache
    if cache is None:
        raise WrongAnswer("the site has no cache")
    site = replace(behind.site, cache=replace(cache, keys=keys))
    return [behind.front(behind.variants[0], site=site) for _ in range(_NGINX + 1)]


def _send(behind: Stage, fronts: Sequence[Front], hash_: str, names: Sequence[str]) -> Counter[str]:
    """Return how many requests were hits and misses, and how many each NGINX got."""
    from benchmarks.clients.wrk import Connection
    from xaccel_testing import free_port, nginx_server

    port = free_port()
    servers = "".join(f"server 127.0.0.1:{front.port};" for front in fronts)
    text = f"""\
        daemon off; pid nginx.pid; error_log error.log warn;
        events {{}}
        http {{
            access_log off; keepalive_requests 1000000;
            {"".join(f"{kind}_temp_path tmp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))}
            upstream caches {{ {hash_} {servers} keepalive 16; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{ proxy_pass http://caches; proxy_http_version 1.1; proxy_set_header Connection ""; }}
            }}
        }}
        """
    before = [len(front.nginx.lines()) for front in fronts]

    folder = Path(tempfile.mkdtemp(prefix="router-", dir=behind.folder))
    with (
        nginx_server(folder, text, binary=behind.variants[0].binary, ready_port=port),
        Connection(port) as connection,
    ):
        for name in names:
            connection.get(f"/cached/{name}", _BYTES)
    found = Counter[str]()
    for number, (front, old) in enumerate(zip(fronts, before, strict=True)):
        lines = front.nginx.lines()[old:]
        found[str(number)] = len(lines)
        found.update(line["cache"] for line in lines)
    require(
        sum(found[str(number)] for number in range(len(fronts))) == len(names), f"{found}, of {len(names)}"
    )
    return found


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


QUESTION = Question(
    asks="how several caches share the objects, by how requests are routed", answer=answer, alone=True
)
