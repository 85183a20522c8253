"""How many small files a second if the app costs nothing, against what projects would use instead?

The app is an NGINX that only answers with the hand-off, so that what is compared is what stands in front: `small_files`
asks the same of a real app.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from benchmarks.clients.wrk import Answered, Stored, answered
from benchmarks.measure.interleave import interleave
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread
from benchmarks.servers.back import WORKERS
from benchmarks.servers.front import Front, Stage, stage

_SIZES = {"4 KB": 4096, "64 KB": 65536, "1 MB": 1_000_000}
_SECONDS = {"full": 3.0, "quick": 0.3, "smoke": 0.1}
_ROUNDS = {"full": 7, "quick": 2, "smoke": 1}
_CLIENTS = 64
_FEW = 4
_FLOOR = "an empty response"
_RECIPES = {"classic recipe, P-256": "classic", "classic recipe, RSA 2048": "classic-rsa"}
"""By the key of the origin's certificate, on which a handshake's cost depends: the path of the recipe's downloads."""
_TIMES = 10


@dataclass(frozen=True, slots=True)
class _Request:
    """One request. stored: what comes back; None: no body."""

    url: str
    stored: Stored | None


def answer(size: Size) -> list[Table]:
    """Load all in turns; before that, compare every byte."""
    sizes = {f"{title.replace(' ', '-')}.bin": count for title, count in _SIZES.items()}
    with stage(sizes, njs=False) as behind:
        front = behind.front(behind.variants[0])
        return [_table(behind, front, title, name, size) for title, name in zip(_SIZES, sizes, strict=True)]


def _ways(behind: Stage, front: Front, name: str) -> dict[str, tuple[_Request, ...]]:
    stored = behind.files[name]
    local = f"http://127.0.0.1:{front.local_port}"
    return {
        _FLOOR: (_Request(f"{local}/empty", None),),
        "xaccel": (_Request(f"{front.nginx.url}/tls/{name}", stored),),
        "xaccel, from its cache": (_Request(f"{front.nginx.url}/cached/{name}", stored),),
        "xaccel, a directory": (_Request(f"{front.nginx.url}/local/{name}", stored),),
        **{
            recipe: (_Request(f"http://127.0.0.1:{front.classic_port}/{path}/{name}", stored),)
            for recipe, path in _RECIPES.items()
        },
        "presigned redirect, two round trips": (
            _Request(f"{local}/redirect/{name}", None),
            _Request(f"https://127.0.0.1:{behind.tls_port}/{name}", stored),
        ),
        "django-sendfile2, django-downloadview: a directory": (_Request(f"{local}/internal/{name}", stored),),
    }


def _table(behind: Stage, front: Front, title: str, name: str, size: Size) -> Table:
    ways = _ways(behind, front, name)
    clients = _FEW if size == "smoke" else _CLIENTS
    responses: dict[str, list[list[Answered]]] = {way: [] for way in ways}
    cpu: dict[str, list[float]] = {way: [] for way in ways}

    def sampler(way: str) -> Callable[[], float]:
        for request in ways[way]:
            _compare(behind, request)

        def sample() -> float:
            before, found, spent = _used(behind, front), [], 0.0
            for request in ways[way]:
                found.append(
                    answered(request.url, request.stored, connections=clients, seconds=_SECONDS[size])
                )
                after = _used(behind, front)
                spent += (after - before) / found[-1].requests
                before = after
            responses[way].append(found)
            cpu[way].append(spent * 1e6)
            return 1 / sum(1 / one.per_second for one in found)

        return sample

    samples = interleave({way: sampler(way) for way in ways}, rounds=_ROUNDS[size], warm=size != "smoke")
    rows: list[tuple[Cell, ...]] = []
    p256, rsa = (samples[recipe] for recipe in _RECIPES)
    for way in ways:
        kept = responses[way][-_ROUNDS[size] :]
        rows.append(
            (
                way,
                spread(samples[way]),
                "" if samples[way] is p256 else ratio(samples[way], p256),
                "" if samples[way] is rsa else ratio(samples[way], rsa),
                _summed(kept, "p50_ms"),
                _summed(kept, "p99_ms"),
                spread(cpu[way][-_ROUNDS[size] :]),
            )
        )
    return Table(
        title=f"Files of {title}, a stub app",
        columns=("by", "a second", "of the recipe, P-256", "of it, RSA", "p50, ms", "p99, ms", "CPU µs each"),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk with"
        f" {clients} reused connections; NGINX ({front.variant.name}), {WORKERS} workers."
        "\nThe origin has TLS with a P-256 key, unless another is named; a directory and a cache hit need no TLS."
        " CPU time is the sum of NGINX, origin and app.\nThe presigned redirect has the sum of two round trips."
        " Every body was"
        " compared before the measurement.",
        targets=tuple(
            Target(
                what=f"{title}, over the {recipe}",
                limit=_TIMES,
                measured=ratio(samples["xaccel"], samples[recipe]).median,
                unit="times",
                at_least=True,
            )
            for recipe in _RECIPES
        ),
        plot=1,
    )


def _compare(behind: Stage, request: _Request) -> None:
    place = urlsplit(request.url)
    if place.scheme == "https":
        verified = ssl.create_default_context(cafile=str(behind.folder / "ca.pem"))
        verified.check_hostname = False  # it is asked by its address
        connection: HTTPConnection = HTTPSConnection(place.netloc, context=verified)
    else:
        connection = HTTPConnection(place.netloc)
    with closing(connection):
        connection.request("GET", place.path)
        answer = connection.getresponse()
        body = answer.read()
    led = answer.status == 302 and answer.headers["Location"].startswith("https://127.0.0.1:")
    wanted = request.stored.sha256 if request.stored else sha256().hexdigest()
    require(
        led or (answer.status == 200 and sha256(body).hexdigest() == wanted),
        f"{request.url}: {answer.status}, wrong bytes",
    )


def _used(behind: Stage, front: Front) -> float:
    return cpu_seconds([*front.nginx.pids, *behind.back.pids])


def _summed(rounds: list[list[Answered]], name: str) -> Spread:
    return spread([sum(getattr(one, name) for one in found) for found in rounds])


QUESTION = Question(
    asks="how many small files a second if the app costs nothing, against what projects would use instead",
    answer=answer,
)
