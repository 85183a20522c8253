"""What does recording a decision as a row cost its request, against no audit?

A request is made and `send_file` called, in one process, on PostgreSQL; the connection stays open between the requests.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.databases.audit_database import migrated, setup
from benchmarks.measure.interleave import Sampler, Samples, interleave, warmed
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Question, Size, Table, require
from benchmarks.measure.spread import Spread, ratio, spread

_BATCH, _ROUNDS = 20, {"full": 300, "quick": 100, "smoke": 10}
_NONE, _ROW = "no audit", "a row"


def answer(size: Size) -> list[Table]:
    """Time both in turns: by the clock, and the CPU time of the app and of PostgreSQL."""
    with (
        TemporaryDirectory() as folder,
        migrated(Path(folder)) as dsn,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        clock, app, server = pool.submit(_measure, dsn, _ROUNDS[size]).result()
    return [
        Table(
            title="Recording a decision in the request",
            columns=("how", "µs by the clock", "µs of the app", "µs of PostgreSQL", "clock, to no audit"),
            rows=tuple(
                (
                    how,
                    _micro(clock[how]),
                    _micro(app[how]),
                    _micro(server[how]),
                    ratio(clock[how], clock[_NONE]),
                )
                for how in (_NONE, _ROW)
            ),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} requests, in turns.\n"
            "PostgreSQL does not sync to disk.",
        )
    ]


def _micro(seconds: list[float]) -> Spread:
    return spread([1e6 * one for one in seconds])


def _measure(dsn: str, rounds: int) -> tuple[Samples, Samples, Samples]:
    setup(dsn)
    from django.db import connection

    from xaccel.audit.models import Transfer

    connection.ensure_connection()
    server = connection.connection.info.backend_pid
    app: Samples = {how: [] for how in (_NONE, _ROW)}
    postgres: Samples = {how: [] for how in app}

    def sampler(how: str, switch: Callable[[], None]) -> Sampler:
        call = _call()

        def sample() -> float:
            switch()
            rows = Transfer.objects.count()
            call()
            before, cpu, wall = cpu_seconds([server]), time.thread_time(), time.perf_counter()
            for _ in range(_BATCH):
                call()
            spent = time.perf_counter() - wall
            app[how].append((time.thread_time() - cpu) / _BATCH)
            postgres[how].append((cpu_seconds([server]) - before) / _BATCH)
            made = Transfer.objects.count() - rows
            require(made == (_BATCH + 1) * (how == _ROW), f"{how}: {made} rows")
            return spent / _BATCH

        return sample

    clock = interleave({how: sampler(how, switch) for how, switch in _switches().items()}, rounds=rounds)
    return clock, warmed(app), warmed(postgres)


def _switches() -> Mapping[str, Callable[[], None]]:
    from xaccel.audit.record import record
    from xaccel.django.decisions import download_authorized

    def row() -> None:
        download_authorized.connect(record, dispatch_uid="xaccel.audit.record")

    def none() -> None:
        download_authorized.disconnect(dispatch_uid="xaccel.audit.record")

    return {_NONE: none, _ROW: row}


def _call() -> Callable[[], object]:
    from django.contrib.auth.models import AnonymousUser
    from django.test import RequestFactory

    from xaccel.django import send_file

    factory = RequestFactory(headers={"User-Agent": "benchmark"})

    def call() -> object:
        request = factory.get("/files/42")
        request.user = AnonymousUser()
        return send_file(request, "2026/report.pdf", origin="documents", subject="42", as_attachment=True)

    return call


QUESTION = Question(asks="what recording a decision costs its request, against no audit", answer=answer)
