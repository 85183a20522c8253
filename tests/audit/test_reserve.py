"""Limited uses: the last one goes once, resume is free, and next to nothing is given back, seldom."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.audit import urls
from tests.audit.conftest import Log, allowance, swept, take, used
from xaccel.audit.models import Transfer
from xaccel.audit.retention import prune
from xaccel.audit.share_links import reserve as reserving
from xaccel.audit.share_links.models import Reservation
from xaccel.audit.share_links.reserve import SHARE_COOKIE, reserve, subject_of

pytestmark = pytest.mark.django_db(transaction=True)

TOTAL = 10_000


def get(client: Client, of: Any, **query: str) -> Any:
    return client.get("/share", {"allowance": of.pk, **query})


def line(log: Log, answer: Any, sent: int, **fields: Any) -> dict[str, Any]:
    """NGINX's line of a hand-off of which `sent` bytes went out."""
    said = {"body_bytes": sent, "sent_length": str(TOTAL), "completion": "OK" if sent == TOTAL else ""}
    return log.line(
        id=answer["Xaccel-Id"],
        subject=answer["Xaccel-Subject"],
        **said | fields,
    )


def tidy(later: timedelta = timedelta(hours=1)) -> None:
    swept(datetime.now(UTC) + later)


def at_once(count: int, of: Any, cookie: str) -> Counter[int]:
    """Answers of one client to so many requests, each in a thread with a connection of its own, behind one barrier."""
    barrier, statuses = threading.Barrier(count), []

    def one() -> None:
        try:
            client = Client()
            client.cookies[SHARE_COOKIE] = cookie
            connection.ensure_connection()
            barrier.wait(60)
            statuses.append(get(client, of).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


# Each of them has a connection to the database.
AT_ONCE = 50


def test_of_many_requests_at_once_of_one_client_all_are_one_use() -> None:
    one, two = allowance(), allowance(limit=2)
    for of in (one, two):
        assert at_once(AT_ONCE, of, cookie="A" * 43) == {200: AT_ONCE}
        assert used(of) == (1, 0)
        assert of.reservations.get().requests == AT_ONCE


def test_a_limit_of_0_ends_open_uses_and_a_lower_one_does_not() -> None:
    of, client = allowance(limit=2), Client()
    assert get(client, of).status_code == get(Client(), of).status_code == 200
    for limit, status in ((1, 200), (0, 403), (2, 200)):
        type(of).objects.update(limit=limit)
        assert (get(client, of).status_code, client.head("/share", {"allowance": of.pk}).status_code) == (
            status,
            status,
        )
    assert used(of) == (2, 0)


def test_an_allowance_ends_at_its_time_for_those_too_who_have_a_use() -> None:
    now, of, client = datetime.now(UTC), allowance(limit=2), Client()
    hour = timedelta(hours=1)
    for until, status in ((now + hour, 200), (now - hour, 403), (None, 200), (now - hour, 403)):
        type(of).objects.update(valid_until=until)
        assert get(client, of).status_code == status
        assert client.head("/share", {"allowance": of.pk}).status_code == status
        assert Client().head("/share", {"allowance": of.pk}).status_code == status
    assert get(Client(), of).status_code == 403
    assert used(of) == (1, 0)


def test_resume_and_seeking_are_free_and_another_client_is_not() -> None:
    two, first = allowance(limit=2), Client()
    answers = [get(first, two) for _ in range(20)]
    own = f"reservation-{two.reservations.get().pk}"
    assert {(answer.status_code, answer["Xaccel-Subject"]) for answer in answers} == {(200, own)}
    cookie = answers[-1].cookies[SHARE_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], len(cookie.value)) == (True, "Lax", 43)
    assert used(two) == (1, 0)
    assert get(Client(), two).status_code == 200
    assert get(Client(), two).status_code == 403
    assert used(two) == (2, 0)


def test_another_version_another_allowance_and_a_made_up_cookie_are_other_uses() -> None:
    three, other, client = allowance(limit=3), allowance(), Client()
    assert [get(client, three, version=version).status_code for version in ("v1", "v2", "v1")] == [200] * 3
    assert used(three) == (2, 0)
    assert get(client, other).status_code == 200
    client.cookies[SHARE_COOKIE] = "no such '; cookie"
    assert get(client, three).status_code == 200
    assert used(three) == (3, 0)


def test_the_database_does_not_hold_what_the_cookie_says() -> None:
    one, client = allowance(), Client()
    cookie = get(client, one).cookies[SHARE_COOKIE].value
    row = one.reservations.get()
    assert cookie not in {str(value) for value in vars(row).values()}


def test_head_takes_no_use_and_tells_whether_one_is_left() -> None:
    one = allowance()
    query = {"allowance": one.pk}
    assert [Client().head("/share", query).status_code for _ in range(5)] == [200] * 5
    assert used(one) == (0, 0)
    client = Client()
    get(client, one)
    assert client.head("/share", query).status_code == 200
    assert Client().head("/share", query).status_code == 403
    assert one.reservations.get().requests == 1


def test_next_to_nothing_is_given_back_a_bounded_number_of_times(log: Log) -> None:
    one = allowance(give_backs=3)
    for number in range(1, 6):
        client = Client()
        answer = get(client, one)
        if number <= 4:
            assert answer.status_code == 200
            take(log, line(log, answer, TOTAL // 100 - 1))
            tidy()
        else:
            assert answer.status_code == 403
    assert used(one) == (1, 3)


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ({"body_bytes": 99}, True),
        ({"body_bytes": 100}, False),
        ({"status": "502", "body_bytes": 500, "sent_length": "500"}, True),
        ({"status": "304", "body_bytes": 0, "sent_length": ""}, True),
        ({"body_bytes": 0, "sent_length": "0"}, False),
        ({"body_bytes": 99, "sent_length": "", "framing": "chunked"}, False),
        ({"status": "206", "body_bytes": 99, "content_range": "", "sent_length": "99"}, False),
        ({"status": "404", "body_bytes": 0, "why": "forged"}, False),
    ],
    ids=[
        "99 of 10,000",
        "1 %",
        "the origin failed",
        "304",
        "an empty file",
        "no length",
        "no range",
        "forged",
    ],
)
def test_only_what_is_known_to_be_under_a_hundredth_comes_back(
    log: Log, fields: dict[str, Any], given: bool
) -> None:
    one = allowance()
    take(log, line(log, get(Client(), one), 0, **fields))
    tidy()
    assert used(one) == ((0, 1) if given else (1, 0))


def test_nothing_comes_back_while_a_hand_off_has_no_line(log: Log) -> None:
    """The other transfer may be the whole file, on its way."""
    one, client = allowance(), Client()
    first, second = get(client, one), get(client, one)
    take(log, line(log, first, 10))
    tidy()
    assert used(one) == (1, 0)
    tidy(timedelta(days=3))
    take(log, line(log, second, 10))
    tidy(timedelta(days=3))
    assert used(one) == (1, 0)


def test_many_small_parts_are_added_up(log: Log) -> None:
    one, client = allowance(), Client()
    take(log, *(line(log, get(client, one), 60) for _ in range(2)))
    tidy()
    assert used(one) == (1, 0)


def test_a_use_that_came_back_is_no_longer_held(log: Log) -> None:
    one, client = allowance(), Client()
    take(log, line(log, get(client, one), 10))
    tidy(timedelta())  # not idle yet
    assert used(one) == (1, 0)
    tidy()
    assert used(one) == (0, 1)
    assert get(Client(), one).status_code == 200
    assert get(client, one).status_code == 403


def test_a_reservation_ends_by_time_and_by_requests(settings: Any) -> None:
    two, client = allowance(limit=2, requests=3), Client()
    assert [get(client, two).status_code for _ in range(7)] == [200] * 6 + [403]
    assert used(two) == (2, 0)
    one, client = allowance(), Client()
    get(client, one)
    Reservation.objects.filter(allowance=one).update(expires_at=datetime.now(UTC))
    assert get(client, one).status_code == 403


def test_a_failure_before_the_hand_off_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = allowance()

    def fail() -> None:
        raise DatabaseError("the app crashed")

    monkeypatch.setattr(urls, "wait", fail)
    with pytest.raises(DatabaseError):
        get(Client(), one)
    assert used(one) == (0, 0)
    assert not one.reservations.exists()


def test_a_hand_off_while_it_is_given_back_keeps_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    one, client = allowance(), Client()
    take(log, line(log, get(client, one), 10))
    real = reserving._sent

    def sent(*args: Any) -> Any:
        found = real(*args)
        assert get(client, one).status_code == 200
        return found

    monkeypatch.setattr(reserving, "_sent", sent)
    tidy()
    assert used(one) == (1, 0)
    assert one.reservations.get().ended_at is None


@pytest.mark.once
def test_the_tables_are_those_of_the_migrations() -> None:
    call_command("makemigrations", "xaccel_audit", "xaccel_share_links", "--check", "--dry-run", verbosity=0)


def test_many_are_settled_in_one_sweep_and_pruned(log: Log) -> None:
    many = allowance(limit=50, give_backs=10)
    take(log, *(line(log, get(Client(), many), 10) for _ in range(50)))
    tidy()
    assert used(many) == (40, 10)
    assert Reservation.objects.filter(given_back=True).count() == 10
    assert not Reservation.objects.filter(settled_at__isnull=True).exists()
    prune(datetime.now(UTC) + timedelta(hours=5), using="default")
    assert many.reservations.count() == 50  # they may still be held
    prune(datetime.now(UTC) + timedelta(hours=7), using="default")
    assert many.reservations.count() == 0


def test_reservations_that_wait_for_entries_are_looked_up_many_at_once(
    django_assert_max_num_queries: Any,
) -> None:
    """Each sweep, which is once a minute, for a day."""
    many, at = allowance(limit=300), datetime.now(UTC)
    uses = [
        Reservation(id=uuid4(), allowance=many, token=f"{n}", made_at=at, last_at=at, expires_at=at)
        for n in range(300)
    ]
    Reservation.objects.bulk_create(uses)
    Transfer.objects.bulk_create(
        Transfer(id=uuid4(), outcome="granted", decided_at=at, subject=subject_of(use.pk), as_attachment=True)
        for use in uses
    )
    with django_assert_max_num_queries(10):
        tidy()
    assert Reservation.objects.filter(settled_at__isnull=True).count() == 300


def test_the_lifetime_of_a_use_is_that_of_its_cookie(rf: RequestFactory) -> None:
    request, answer = rf.get("/"), HttpResponse()
    reserved = reserve(request, allowance(), lifetime=timedelta(minutes=5))
    assert reserved is not None
    reserved.remember(request, answer)
    assert answer.cookies[SHARE_COOKIE]["max-age"] == 300
    assert timedelta(minutes=4) < reserved.expires_at - datetime.now(UTC) <= timedelta(minutes=5)


def test_a_version_that_no_database_stores_is_one_version(rf: RequestFactory) -> None:
    assert reserve(rf.get("/"), allowance(), version="v\ud800\0") is not None
    assert [row.version for row in Reservation.objects.all()] == ["v��"]


@pytest.mark.once
def test_share_links_without_the_trail_are_refused_and_the_trail_needs_no_share_links() -> None:
    script = (
        "import sys, django; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['xaccel.django', *sys.argv[1:]]); django.setup();"
        "print('xaccel.audit.share_links' in sys.modules)"
    )

    def start(*installed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, *installed],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert start("xaccel.audit").stdout == "False\n"
    refused = start("xaccel.audit.share_links")
    assert refused.returncode == 1
    assert re.search(
        r"xaccel\.audit\.models\.\w+ .* isn't in an application in INSTALLED_APPS", refused.stderr
    )
