"""What does a signed URL cost, and the first one on a new thread?

xaccel's signer, boto3's generate_presigned_url and django-storages' S3Storage.url sign the same objects with the same
keys. Each of them must make the very same URL for the same second.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.interleave import Sampler, each, interleave
from benchmarks.question import Cell, Question, Size, Table, Target, require
from benchmarks.spread import ratio, spread

_BATCH, _ROUNDS = 10, {"full": 800, "quick": 200, "smoke": 10}
_THREAD_ROUNDS = {"full": 40, "quick": 15, "smoke": 3}
_EXPIRES_S = 120
_LIMIT_US = 100
_TOKEN = "FwoGZXIvYXdzE" + "Jr" * 200
"""A session token: those of AWS have some hundred characters."""

Sign = Callable[[str], str]


def answer(size: Size) -> list[Table]:
    """Time signing again and again on one thread, then the first URL on a new one."""
    from benchmarks import app

    xaccel, boto3, storages = _xaccel(None), _boto3(None), _storages()
    with_token, boto3_with_token = _xaccel(_TOKEN), _boto3(_TOKEN)
    _check(xaccel, {"boto3": boto3, "django-storages": storages}, None)
    _check(with_token, {"boto3 with a token": boto3_with_token}, _TOKEN)
    fresh_key = (f"2026/reports/{number:08}.pdf" for number in itertools.count())
    own = "xaccel, the same key"
    calls: dict[str, Callable[[], str]] = {
        own: lambda: xaccel(app.KEY),
        "xaccel, another key each time": lambda: xaccel(next(fresh_key)),
        "xaccel, with a session token": lambda: with_token(app.KEY),
        "boto3 generate_presigned_url": lambda: boto3(app.KEY),
        "boto3, with a session token": lambda: boto3_with_token(app.KEY),
        "django-storages S3Storage.url": lambda: storages(app.KEY),
    }
    each_url = _table(
        {name: each(call, calls=_BATCH) for name, call in calls.items()},
        own,
        rounds=_ROUNDS[size],
        title="A signed URL",
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} URLs, interleaved in one process, CPU time; the"
        "\nclock and the look at the credentials are in it.",
    )
    first = _table(
        {
            "xaccel": _on_new_thread(lambda: xaccel(app.KEY), 1),
            "xaccel, the second on that thread": _on_new_thread(lambda: xaccel(app.KEY), 2),
            "boto3, one client for all threads": _on_new_thread(lambda: boto3(app.KEY), 1),
            "boto3, the second on that thread": _on_new_thread(lambda: boto3(app.KEY), 2),
            "django-storages S3Storage.url": _on_new_thread(lambda: storages(app.KEY), 1),
            "django-storages, the second on that thread": _on_new_thread(lambda: storages(app.KEY), 2),
        },
        "xaccel",
        rounds=_THREAD_ROUNDS[size],
        title="The first signed URL on a new thread",
        note=f"Median (quartiles) of {_THREAD_ROUNDS[size]} new threads each, interleaved, CPU time;"
        " start of the thread apart.\nAny code runs slower at first on a new thread; what a signer must warm up there,"
        " such as a client of its own, comes on top.",
    )
    return [each_url, first]


def _table(contenders: dict[str, Sampler], own: str, *, rounds: int, title: str, note: str) -> Table:
    samples = interleave(contenders, rounds=rounds)
    rows: list[tuple[Cell, ...]] = []
    for name, seconds in samples.items():
        rows.append(
            (
                name,
                spread([one * 1e6 for one in seconds]),
                "" if name == own else ratio(seconds, samples[own]),
            )
        )
    return Table(
        title=title,
        columns=("signer", "µs", f"ratio to {own}"),
        rows=tuple(rows),
        note=note,
        targets=tuple(
            Target(what=name, limit=_LIMIT_US, measured=spread(samples[name]).median * 1e6, unit="µs")
            for name in samples
            if name.startswith("xaccel,")
        ),
    )


def _on_new_thread(call: Callable[[], object], number: int) -> Sampler:
    """Sample the seconds of the call of that `number`, counted from 1, on a thread that has made none before."""

    def sample() -> float:
        seconds: list[float] = []

        def work() -> None:
            for _ in range(number):
                start = time.thread_time()
                call()
                seconds.append(time.thread_time() - start)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return seconds[-1]

    return sample


def _xaccel(token: str | None) -> Sign:
    """What `Sender.hand_off` does for an S3 origin between the key and the signed URL."""
    from xaccel.credentials import CredentialSource
    from xaccel.signing import S3Signer, resolve_endpoint
    from xaccel.target import quote_key

    origin = replace(_origin(), session_token=token)
    source = CredentialSource(origin)

    def sign(key: str) -> str:
        endpoint = resolve_endpoint(origin)
        signer = S3Signer(region=endpoint.region, expires_s=origin.expires_s)
        url = endpoint.base_url + quote_key(key, dots=False)
        return signer.sign(url, "GET", source.current(), datetime.now(UTC))

    return sign


def _origin() -> Any:
    from benchmarks import app
    from xaccel.origins import S3Origin

    return S3Origin(
        bucket=app.BUCKET,
        endpoint_url=app.ENDPOINT,
        region=app.REGION,
        addressing_style="path",
        access_key=app.ACCESS_KEY,
        secret_key=app.SECRET_KEY,
        expires_s=_EXPIRES_S,
    )


def _boto3(token: str | None) -> Sign:
    import boto3
    from botocore.config import Config

    from benchmarks import app

    client = boto3.session.Session().client(
        "s3",
        endpoint_url=app.ENDPOINT,
        region_name=app.REGION,
        aws_access_key_id=app.ACCESS_KEY,
        aws_secret_access_key=app.SECRET_KEY,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def sign(key: str) -> str:
        params = {"Bucket": app.BUCKET, "Key": key}
        found: str = client.generate_presigned_url("get_object", Params=params, ExpiresIn=_EXPIRES_S)
        return found

    return sign


def _storages() -> Sign:
    from django.core.files.storage import storages

    from benchmarks import app  # noqa: F401  # configures Django

    storage = storages["default"]
    return lambda key: storage.url(key, expire=_EXPIRES_S)  # type: ignore[call-arg]


def _check(xaccel: Sign, others: dict[str, Sign], token: str | None) -> None:
    """Each other URL, signed again by xaccel's signer at that URL's own time, must come out the same."""
    from benchmarks import app
    from xaccel.credentials import CredentialSource
    from xaccel.signing import S3Signer

    credentials = CredentialSource(replace(_origin(), session_token=token)).current()
    signer = S3Signer(region=app.REGION, expires_s=_EXPIRES_S)
    for name, sign in {"xaccel": xaccel, **others}.items():
        url = sign(app.KEY)
        bare, query = url.partition("?")[0], dict(parse_qsl(urlsplit(url).query))
        at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        again = signer.sign(bare, "GET", credentials, at)
        same = bare == again.partition("?")[0] and query == dict(parse_qsl(urlsplit(again).query))
        require(same, f"{name} and xaccel's signer make different URLs: {sorted(query)}")


QUESTION = Question(asks="what a signed URL costs, and the first one on a new thread", answer=answer)
