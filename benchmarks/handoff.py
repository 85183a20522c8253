"""What does a hand-off cost in the app?

The same view through Django's WSGI handler: an empty answer, and hand-offs of several kinds, with and without
HandOffMiddleware. No server, no socket, no database: what is left is the cost of Django, of xaccel and of signing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from wsgiref.util import setup_testing_defaults

from benchmarks.interleave import Sampler, each, interleave
from benchmarks.question import Cell, Question, Size, Table, Target, require
from benchmarks.spread import Spread, spread

_BATCH, _ROUNDS = 10, {"full": 1500, "quick": 300, "smoke": 10}
_WAYS = {
    "empty": "empty HttpResponse",
    "local": "directory",
    "web": "HTTP server",
    "s3": "S3, key",
    "field": "S3, FieldFile of S3Storage",
    "named": "S3, non-ASCII name, type, size, header",
    "owned": "S3, app's ETag and Last-Modified",
}
_SIGNED = ("s3", "field", "named", "owned")
_LIMIT_US = 60


def answer(size: Size) -> list[Table]:
    """Time every way, without the middleware and with it."""
    from benchmarks import app

    return [
        _table(size, [], "without HandOffMiddleware"),
        _table(size, [app.MIDDLEWARE], "with HandOffMiddleware"),
    ]


def _table(size: Size, middleware: list[str], how: str) -> Table:
    handler = _handler(middleware)
    calls = {way: _call(handler, way) for way in _WAYS}
    for way, call in calls.items():
        _check(way, *call())
    signing: dict[str, list[float]] = {way: [] for way in _WAYS}
    samples = interleave(
        {way: _sampler(call, signing[way]) for way, call in calls.items()}, rounds=_ROUNDS[size]
    )
    empty = samples["empty"]
    rows: list[tuple[Cell, ...]] = [(_WAYS["empty"], _micro(empty), "", "", "")]
    targets = []
    for way, title in _WAYS.items():
        if way == "empty":
            continue
        signed = signing[way][-len(empty) :]
        over = [own - base - sign for own, base, sign in zip(samples[way], empty, signed, strict=True)]
        ratio = [own / base for own, base in zip(samples[way], empty, strict=True)]
        rows.append(
            (
                title,
                _micro(samples[way]),
                _micro(signed) if way in _SIGNED else "",
                _micro(over),
                spread(ratio),
            )
        )
        targets.append(
            Target(
                what=f"{title}, over the empty answer, signing apart",
                limit=_LIMIT_US,
                measured=_micro(over).median,
                unit="µs",
            )
        )
    return Table(
        title=f"A hand-off in the app, {how}",
        columns=("answer", "µs", "of it signing, µs", "over empty, signing apart, µs", "ratio to empty"),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} requests, interleaved in one process, CPU time;"
        " signing is\ntimed where it happens.",
        targets=tuple(targets),
    )


def _micro(seconds: Sequence[float]) -> Spread:
    return spread([one * 1e6 for one in seconds])


def _sampler(call: Callable[[], object], signing: list[float]) -> Sampler:
    """Sample requests, and write what of each sample was signing into `signing`."""
    from xaccel.signing import S3Signer

    plain, whole = S3Signer.sign, each(call, calls=_BATCH)
    spent = 0.0

    def timed(*arguments: Any) -> str:
        nonlocal spent
        start = time.thread_time()
        url = plain(*arguments)
        spent += time.thread_time() - start
        return url

    def sample() -> float:
        nonlocal spent
        spent = 0.0
        # Alone, in a loop, signing is faster than here, where everything else has used the processor's caches.
        S3Signer.sign = timed  # type: ignore[assignment,method-assign]
        try:
            seconds = whole()
        finally:
            S3Signer.sign = plain  # type: ignore[method-assign]
        signing.append(spent / _BATCH)
        return seconds

    return sample


def _handler(middleware: list[str]) -> Callable[..., Any]:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    with override_settings(MIDDLEWARE=middleware):
        return WSGIHandler()


def _call(handler: Callable[..., Any], way: str) -> Callable[[], tuple[str, Mapping[str, str], bytes]]:
    environ: dict[str, Any] = {"PATH_INFO": f"/answer/{way}"}
    setup_testing_defaults(environ)

    def call() -> tuple[str, Mapping[str, str], bytes]:
        said: list[Any] = []
        response = handler(dict(environ), lambda status, headers: said.extend((status, headers)))
        body = b"".join(response)
        response.close()
        return said[0], dict(said[1]), body

    return call


def _check(way: str, status: str, headers: Mapping[str, str], body: bytes) -> None:
    require(status == "200 OK" and body == b"", f"{way}: {status} with {len(body)} bytes")
    redirect = headers.get("X-Accel-Redirect", "")
    if way == "empty":
        require(redirect == "", f"the empty answer is a hand-off to {redirect}")
        return
    require(
        redirect.startswith(f"/_xaccel/{'s3' if way in _SIGNED else way}"),
        f"{way}: handed off to {redirect!r}",
    )
    require(
        ("X-Amz-Signature=" in headers.get("Xaccel-Url", "")) == (way in _SIGNED),
        f"{way}: signed where it should not be, or the other way round",
    )
    require(headers.get("Xaccel-Subject") == "42", f"{way}: no subject")


QUESTION = Question(asks="what a hand-off costs over an empty answer of the same view", answer=answer)
