"""Reserve and settle 100 uploads in 20 threads, with room for ten: `python -m tests.live.uploads.counting DATABASE`.

A second argument names a limit of the whole site that gives this room, and each upload is of another account then. It
prints how many were accepted, how many are stored, and how often each `on_stored` was called at most. The uploads that
`site_at_once` limits stay open until one of them is settled: it prints how many of two more were accepted then.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

SIZE, ROOM = 5_000, 50_000
calls = Counter[str]()


def database(url: str) -> dict[str, Any]:
    if url.startswith("postgres"):
        from portal.settings import postgresql

        return postgresql(url)
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": url, "OPTIONS": {"timeout": 120}}


def count(upload: Any) -> None:
    calls[str(upload.pk)] += 1


def main(url: str, limit: str = "") -> None:
    settings.configure(
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django", "xaccel.django.uploads"],
        DATABASES={"default": database(url)},
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from xaccel.django.uploads.models import State, Upload
    from xaccel.django.uploads.reserve import reserve
    from xaccel.django.uploads.settle import settle
    from xaccel.features.uploads.decide import Upload as Decided
    from xaccel.handoff.identifiers import new_transfer_id
    from xaccel.site.site import Uploads

    of_site = {"site_bytes_a_day": ROOM, "site_at_once": ROOM // SIZE}
    named: dict[str, Any] = {limit: of_site[limit]} if limit else {}
    limits = Uploads(app="", paths=(), origins=(), at_once=1000, **named)

    def left() -> int:
        stored = Upload.objects.filter(state=State.STORED).values_list("size", flat=True)
        return ROOM - sum(stored)

    def one(number: int) -> bool:
        decided = Decided(new_transfer_id(datetime.now(UTC)), "o", "", f"k/{number}", SIZE, "a/b", "", "7")
        account, quota = (str(number), None) if limit else ("7", left)
        on_stored = f"{__name__}:count"
        refused = reserve(decided, limits, account=account, quota=quota, on_stored=on_stored, context={})
        if refused is None and number % 3 and limit != "site_at_once":
            with ThreadPoolExecutor(2) as both:
                list(both.map(lambda _: (settle(decided.id, "e"), connection.close()), range(2)))
        connection.close()
        return refused is None

    with ThreadPoolExecutor(20) as threads:
        accepted = sum(threads.map(one, range(100)))
    more = 0
    if limit == "site_at_once":
        settle(str(Upload.objects.values_list("pk", flat=True)[0]), "e")
        more = sum(map(one, range(100, 102)))
    stored = Upload.objects.filter(state=State.STORED).count()
    called = {"all": stored == len(calls), "calls": max(calls.values())}
    print(json.dumps({"accepted": accepted, "more": more, **called}))


if __name__ == "__main__":
    main(*sys.argv[1:])
