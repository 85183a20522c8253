"""Do the usual questions to a large audit trail use an index?

Rows are made inside PostgreSQL; each question is asked as the ORM asks it, the admin's through the admin itself. The
plans are kept as text.
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.databases.audit_database import migrated, setup
from benchmarks.databases.audit_rows import DAYS, FIRST, fill
from benchmarks.measure.question import Cell, Question, Size, Table, Target

_ROWS = {"full": 10_000_000, "quick": 200_000, "smoke": 20_000}
PLANS = Path(".xaccel/log/audit-plans.txt")


def answer(size: Size) -> list[Table]:
    """Fill, ask, and look for sequential scans of the two tables."""
    count = _ROWS[size]
    with (
        TemporaryDirectory() as folder,
        migrated(Path(folder)) as dsn,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        found = pool.submit(_ask, dsn, count).result()
    PLANS.parent.mkdir(parents=True, exist_ok=True)
    PLANS.write_text("\n\n".join(f"# {name}\n{plan}" for name, (plan, _) in found.items()) + "\n")
    scans = [name for name, (plan, _) in found.items() if _scans(plan)]
    rows: list[tuple[Cell, ...]] = [
        (name, milliseconds, "SEQUENTIAL SCAN" if name in scans else ", ".join(_indexes(plan)))
        for name, (plan, milliseconds) in found.items()
    ]
    return [
        Table(
            title=f"Queries of {count:,} transfers and as many downloads",
            columns=("question", "ms", "through"),
            rows=tuple(rows),
            note=f"Plans and times of EXPLAIN ANALYZE; the plans are in {PLANS}.",
            targets=(
                Target(
                    what="queries that read a whole table",
                    limit=0,
                    measured=len(scans),
                    unit=", ".join(scans) or "questions",
                    timed=False,
                ),
            ),
        )
    ]


def _scans(plan: str) -> bool:
    return re.search(r"Seq Scan on xaccel_(transfer|download)\b", plan) is not None


def _indexes(plan: str) -> list[str]:
    return sorted(set(re.findall(r"(?:using|Index Scan on) (xaccel_\w+)", plan)))


def _ask(dsn: str, count: int) -> dict[str, tuple[str, float]]:
    setup(dsn)
    fill(count)
    return {name: _explained(question()) for name, question in _questions(count).items()}


def _explained(queryset: Any) -> tuple[str, float]:
    start = time.perf_counter()
    plan = queryset.explain(analyze=True)
    return plan, 1000 * (time.perf_counter() - start)


def _questions(count: int) -> Mapping[str, Callable[[], Any]]:
    from django.db.models import Count, Sum
    from django.db.models.functions import TruncDay

    from xaccel.audit.models import Download, Transfer

    middle = FIRST + timedelta(days=DAYS / 2)
    day = (middle, middle + timedelta(days=1))
    downloads, transfers = Download.objects.order_by("-opened_at"), Transfer.objects.order_by("-decided_at")
    key = "files/77.pdf"
    return {
        "downloads by user": lambda: downloads.filter(subject="77")[:50],
        "downloads by object": lambda: downloads.filter(origin="documents", key=key)[:50],
        "downloads by time": lambda: downloads.filter(opened_at__range=day)[:50],
        "downloads, incomplete": lambda: downloads.filter(sent_complete=False)[:50],
        "transfers by user": lambda: transfers.filter(subject="77")[:50],
        "transfers by object": lambda: transfers.filter(origin="documents", key=key)[:50],
        "transfers by time": lambda: transfers.filter(decided_at__range=day)[:50],
        "transfers, denied": lambda: transfers.filter(outcome="denied")[:50],
        "transfers, incomplete": lambda: transfers.filter(outcome="incomplete")[:50],
        "transfers, granted and never collected": lambda: transfers.filter(
            outcome__in=("granted", "unknown")
        )[:50],
        "the same, of a day, counted": lambda: transfers.filter(
            outcome__in=("granted", "unknown"), decided_at__range=day
        ).values_list("pk"),
        "the same, by a user": lambda: transfers.filter(subject="77", outcome__in=("granted", "unknown"))[
            :50
        ],
        "transfers, denied, by a user": lambda: transfers.filter(subject="77", outcome="denied")[:50],
        "downloads of a day, summed": lambda: (
            Download.objects.filter(opened_at__range=day)
            .annotate(day=TruncDay("opened_at"))
            .values("day")
            .annotate(Count("id"), Sum("given_bytes"))
            .order_by("day")
        ),
        "files of a day, the most wanted": lambda: (
            Download.objects.filter(opened_at__range=day)
            .values("origin", "key")
            .annotate(count=Count("id"))
            .order_by("-count")[:20]
        ),
        "transfers of a download": lambda: Transfer.objects.filter(
            download=Download.objects.values_list("pk", flat=True)[0]
        ),
        **_of_the_admin("download", {"": "", "sent_complete__exact": "0", "origin": "documents"}),
        **_of_the_admin("transfer", {"": "", "outcome__exact": "denied", "origin": "documents"}),
    }


def _of_the_admin(name: str, filters: Mapping[str, str]) -> dict[str, Callable[[], Any]]:
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    from xaccel.audit.admin import MOST
    from xaccel.audit.models import Download, Transfer

    model: Any = Download if name == "download" else Transfer
    shown: Any = admin.site.get_model_admin(model)

    def rows(query: Mapping[str, str]) -> Any:
        request = RequestFactory().get("/", query)
        request.user = User(is_superuser=True, is_active=True)
        return shown.get_changelist_instance(request).get_queryset(request)

    def found(query: Mapping[str, str]) -> dict[str, Callable[[], Any]]:
        said = " ".join(f"{name.removesuffix('__exact')} {value}" for name, value in query.items()) or "all"
        return {
            f"admin, {name}s: {said}": lambda: rows(query)[:50],
            f"admin, {name}s: {said}, counted": lambda: rows(query).values_list("pk")[:MOST],
        }

    asked: list[dict[str, str]] = [{key: value} if key else {} for key, value in filters.items()]
    searched = ("77", "files/77.pdf", str(model.objects.values_list("pk", flat=True)[0]))
    return {
        key: value
        for query in (*asked, *({"q": term} for term in searched))
        for key, value in found(query).items()
    }


QUESTION = Question(
    asks="whether questions to ten million rows of the audit trail use an index", answer=answer
)
