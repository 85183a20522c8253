"""What does a hand-off cost in the app?

The same view through Django's WSGI handler: an empty response, and hand-offs of several kinds, with and without
HandOffMiddleware. No server, no socket, no database: what is left is the cost of Django, of xaccel and of signing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from wsgiref.util import setup_testing_defaults

from benchmarks.measure.interleave import Sampler, each, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread

_BATCH, _ROUNDS = 10, {"full": 1500, "quick": 80, "smoke": 10}
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
    from benchmarks.servers import app

    return [
        _table(size, [], "without HandOffMiddleware"),
        _table(size, [app.MIDDLEWARE], "with HandOffMiddleware"),
    ]


def _table(size: Size, middleware: list[str], how: str) -> Table:
    handler = _handler(middleware)
    calls = {way: _call(handler, way) for way in _WAYS}
    for way, call in calls.items():
        _check(way, *call())
    contenders = {way: each(call, calls=_BATCH) for way, call in calls.items()}
    contenders |= {f"{way} unsigned": _unsigned(contenders[way]) for way in _SIGNED}
    contenders |= {f"{way} anew": _anew(contenders[way]) for way in _SIGNED}
    samples = interleave(contenders, rounds=_ROUNDS[size])
    empty = samples["empty"]
    rows: list[tuple[Cell, ...]] = [(_WAYS["empty"], _micro(empty), "", "", "", "")]
    targets = []
    for way, title in _WAYS.items():
        if way == "empty":
            continue
        whole, apart = samples[way], samples.get(f"{way} unsigned", samples[way])
        over = _micro([own - base for own, base in zip(apart, empty, strict=True)])
        signing = _micro([own - without for own, without in zip(whole, apart, strict=True)])
        over_all = ratio(whole, empty)
        anew = samples.get(f"{way} anew", empty)
        rows.append(
            (
                title,
                _micro(whole),
                over,
                signing if way in _SIGNED else "",
                over_all,
                ratio(anew, empty) if way in _SIGNED else "",
            )
        )
        targets.append(
            Target(
                what=f"{title}, over the empty response, without signing",
                limit=_LIMIT_US,
                measured=over.median,
                unit="µs",
            )
        )
    return Table(
        title=f"A hand-off in the app, {how}",
        columns=(
            "response",
            "µs",
            "over empty, unsigned, µs",
            "signing, µs",
            "ratio to empty",
            "with a new signature",
        ),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} requests, interleaved in one process, CPU time."
        "\nThe cost of signing is the difference to the same requests with a signer that returns the bare URL. The"
        " same object is sent"
        "\nagain and again, so its signature is reused; the last column is the ratio with a new signature for each.",
        targets=tuple(targets),
    )


def _micro(seconds: Sequence[float]) -> Spread:
    return spread([one * 1e6 for one in seconds])


def _unsigned(whole: Sampler) -> Sampler:
    """Sample the same requests without signing.

    Taking the time of signing alone from the whole would be wrong: in a loop of its own it runs faster than here,
    where everything else uses the processor's caches too.
    """
    from xaccel.signing.signer import S3Signer

    real = S3Signer.sign

    def sample() -> float:
        S3Signer.sign = lambda self, url, *_: url  # type: ignore[method-assign]
        try:
            return whole()
        finally:
            S3Signer.sign = real  # type: ignore[method-assign]

    return sample


def _anew(whole: Sampler) -> Sampler:
    """Sample the same requests with a signature made for each."""
    from xaccel.signing import signer

    real = signer._kept

    def sample() -> float:
        signer._kept = signer._sign  # type: ignore[assignment]
        try:
            return whole()
        finally:
            signer._kept = real

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
        require(redirect == "", f"the empty response is a hand-off to {redirect}")
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


QUESTION = Question(asks="what a hand-off costs over an empty response of the same view", answer=answer)
