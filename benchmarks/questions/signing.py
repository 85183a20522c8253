"""What does a signed URL cost, and the first one on a new thread?

xaccel's signer, boto3, django-storages, minio and obstore sign the same objects with the same keys. Each of them must
make the very same URL for the same second.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from benchmarks.contenders import signers
from benchmarks.contenders.signers import SIGNERS, Sign
from benchmarks.measure.interleave import Sampler, each, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import ratio, spread

_BATCH, _ROUNDS = 10, {"full": 800, "quick": 200, "smoke": 10}
_THREAD_ROUNDS = {"full": 40, "quick": 15, "smoke": 3}
_LIMIT_US = 100
_TOKEN = "FwoGZXIvYXdzE" + "Jr" * 200
"""A session token: those of AWS have some hundred characters."""


def answer(size: Size) -> list[Table]:
    """Time signing again and again on one thread, then the first URL on a new one."""
    from benchmarks.servers import app

    made = {name: make() for name, make in SIGNERS.items()}
    xaccel, boto3, storages = made["xaccel"], made["boto3"], made["django-storages"]
    with_token, boto3_with_token = signers.xaccel(_TOKEN), signers.boto3(_TOKEN)
    _check(made, None)
    _check({"xaccel with a token": with_token, "boto3 with a token": boto3_with_token}, _TOKEN)
    fresh_key = (f"2026/reports/{number:08}.pdf" for number in itertools.count())
    own = "xaccel, the same key"
    calls: dict[str, Callable[[], str]] = {
        own: lambda: xaccel(app.KEY),
        "xaccel, another key each time": lambda: xaccel(next(fresh_key)),
        "xaccel, with a session token": lambda: with_token(app.KEY),
        "boto3 generate_presigned_url": lambda: boto3(app.KEY),
        "boto3, with a session token": lambda: boto3_with_token(app.KEY),
        "django-storages S3Storage.url": lambda: storages(app.KEY),
        "minio presigned_get_object": lambda: made["minio"](app.KEY),
        "obstore sign": lambda: made["obstore"](app.KEY),
    }
    each_url = _table(
        {name: each(call, calls=_BATCH) for name, call in calls.items()},
        own,
        rounds=_ROUNDS[size],
        title="A signed URL",
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} URLs, interleaved in one process, CPU time,"
        " including the\nclock and the look-up of the credentials.",
    )
    first = _table(
        {
            "xaccel": _on_new_thread(lambda: xaccel(app.KEY), 1),
            "xaccel, the second on that thread": _on_new_thread(lambda: xaccel(app.KEY), 2),
            "boto3, one client for all threads": _on_new_thread(lambda: boto3(app.KEY), 1),
            "boto3, the second on that thread": _on_new_thread(lambda: boto3(app.KEY), 2),
            "django-storages S3Storage.url": _on_new_thread(lambda: storages(app.KEY), 1),
            "django-storages, the second on that thread": _on_new_thread(lambda: storages(app.KEY), 2),
            "minio, one client for all threads": _on_new_thread(lambda: made["minio"](app.KEY), 1),
            "obstore, one store for all threads": _on_new_thread(lambda: made["obstore"](app.KEY), 1),
        },
        "xaccel",
        rounds=_THREAD_ROUNDS[size],
        title="The first signed URL on a new thread",
        note=f"Median (quartiles) of {_THREAD_ROUNDS[size]} new threads each, interleaved, CPU time;"
        " without the start of the thread.\nAny code runs slower at first on a new thread. Some signers also make a"
        " client there.",
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
        plot=1,
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


def _check(made: dict[str, Sign], token: str | None) -> None:
    """Each URL, signed again by xaccel's signer at that URL's own time, must come out the same."""
    from benchmarks.servers import app
    from xaccel.signing.credentials import CredentialSource
    from xaccel.signing.signer import S3Signer

    credentials = CredentialSource(signers.origin(token)).current()
    signer = S3Signer(region=app.REGION, expires_s=signers.EXPIRES_S)
    for name, sign in made.items():
        url = sign(app.KEY)
        bare, query = url.partition("?")[0], dict(parse_qsl(urlsplit(url).query))
        at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        again = signer.sign(bare, "GET", credentials, at)
        same = bare == again.partition("?")[0] and query == dict(parse_qsl(urlsplit(again).query))
        require(same, f"{name} and xaccel's signer make different URLs: {sorted(query)}")


QUESTION = Question(asks="what a signed URL costs, and the first one on a new thread", answer=answer)
