"""The charts for staff: what is counted, who sees it, and that no question reads a whole table."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.files.models import File, Grant
from portal.files.statistics import counts
from portal.files.statistics.bars import Series, _scale, bars_by_day, bars_by_name, short_number, shortened
from portal.files.statistics.period import Period, read_period
from tests.portal import rows
from xaccel.audit.models import Download, Transfer

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 24)
WEEK = Period(7, TODAY)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def download(key: str = "a.pdf", at: datetime = NOON, **fields: Any) -> Download:
    return rows.download(key, opened_at=at, last_at=at, **fields)


def part(key: str = "a.pdf", at: datetime = NOON, **fields: Any) -> Download:
    return download(key, at, sent_complete=False, sent_bytes=1, **fields)


def give(file: File, at: datetime = NOON, **to: Any) -> Grant:
    grant = Grant.objects.create(file=file, **to)
    Grant.objects.filter(pk=grant.pk).update(granted_at=at)
    return grant


def test_an_upload_is_no_share(file: File, person: Any) -> None:
    mei, bob = person("mei"), person("bob")
    give(file, user=mei, granted_by=mei)
    assert (counts.collected(WEEK), counts.waiting(WEEK, 3)) == ({}, [])
    shares = [give(file, user=bob, granted_by=mei), give(file, group=Group.objects.create(name="all"))]
    assert counts.waiting(WEEK, 3) == shares
    assert counts.collected(WEEK) == {(TODAY, counts.NOTHING): 2}


def test_a_file_that_was_only_opened_is_not_downloaded(file: File, person: Any) -> None:
    user, later = person("mei"), NOON + timedelta(minutes=1)
    give(file, user=user)
    opened = download(file.key, later, subject=str(user.pk))
    rows.transfer(file.key, download=opened, decided_at=later, as_attachment=False)
    assert counts.downloads(WEEK) == {}
    assert counts.top_files(WEEK, 3) == []
    assert [grant.user for grant in counts.waiting(WEEK, 3)] == [user]
    rows.transfer(file.key, download=opened, decided_at=later)
    assert counts.downloads(WEEK) == {(TODAY, counts.COMPLETE): 1}
    assert counts.top_files(WEEK, 3) == [(file.name, 1, 0)]
    assert counts.waiting(WEEK, 3) == []


def test_an_archive_is_a_download_and_none_of_the_files(file: File) -> None:
    archived = download("0" * 32, origin="archives")
    rows.transfer("0" * 32, origin="archives", download=archived, decided_at=NOON)
    assert counts.downloads(WEEK) == {(TODAY, counts.COMPLETE): 1}
    assert counts.top_files(WEEK, 3) == []


def test_downloads_are_counted_by_the_day_they_began() -> None:
    for _ in range(3):
        download()
    part()
    download(at=NOON - timedelta(days=6))
    download(at=NOON - timedelta(days=7))
    assert counts.downloads(WEEK) == {
        (TODAY, counts.COMPLETE): 3,
        (TODAY, counts.PART): 1,
        (TODAY - timedelta(days=6), counts.COMPLETE): 1,
    }


def test_days_begin_at_midnight_where_the_portal_is() -> None:
    """In Auckland it is 25 November already, and summer time."""
    download(at=datetime(2026, 11, 24, 10, 59, tzinfo=UTC))
    download(at=datetime(2026, 11, 24, 11, 0, tzinfo=UTC))
    with timezone.override(ZoneInfo("Pacific/Auckland")):
        found = counts.downloads(Period(7, date(2026, 11, 25)))
        assert found == {(TODAY, counts.COMPLETE): 1, (date(2026, 11, 25), counts.COMPLETE): 1}
        assert counts.downloads(Period(7, TODAY)) == {(TODAY, counts.COMPLETE): 1}
        first, behind = Period(7, date(2026, 9, 28)).bounds
        assert behind - first == timedelta(days=7)
        # the clocks went forward on the 27th
        assert behind.astimezone(UTC) - first.astimezone(UTC) == timedelta(days=7, hours=-1)


def test_the_most_downloaded_files_come_first_and_have_their_names(file: File) -> None:
    for _ in range(3):
        download(file.key)
    part(file.key)
    for _ in range(2):
        download("known/to nobody.bin")
    download("seldom.bin")
    assert counts.top_files(WEEK, 2) == [("Report.pdf", 3, 1), ("known/to nobody.bin", 2, 0)]


def test_only_troubles_are_counted() -> None:
    for outcome in ("denied", "denied", "incomplete", "refused", "granted", "unknown"):
        rows.transfer("a", outcome=outcome)
    for outcome in ("sent", "headers", "not_modified", "inexact"):
        rows.transfer("a", outcome=outcome)
    rows.transfer("a", outcome="denied", decided_at=NOON - timedelta(days=8))
    assert counts.troubles(WEEK) == {
        (TODAY, "denied"): 2,
        (TODAY, "incomplete"): 1,
        (TODAY, "refused"): 1,
        (TODAY, "granted"): 1,
        (TODAY, "unknown"): 1,
    }
    rows.transfer("a", outcome="refused", status=499, why="client_left")
    found = counts.troubles(WEEK)
    assert (found[TODAY, "incomplete"], found[TODAY, "refused"]) == (2, 1)


def test_the_page_says_how_many_requests_have_no_log_entry(admin_client: Client) -> None:
    now = timezone.now()
    rows.transfer("a", outcome="granted", decided_at=now)
    assert "no log entry.</strong>" not in page(admin_client)
    rows.transfer("a", outcome="granted", decided_at=now - timedelta(hours=2))
    assert "<strong>1 request of these days has no log entry.</strong>" in page(admin_client)
    rows.transfer("a", outcome="unknown", decided_at=now - timedelta(days=2))
    assert "<strong>2 requests of these days have no log entry.</strong>" in page(admin_client)


def test_only_a_download_by_its_user_after_the_grant_collects_it(file: File, person: Any) -> None:
    whole, some, before, other, never = (
        person(name) for name in ("whole", "some", "before", "other", "never")
    )
    for user in (whole, some, before, never):
        give(file, user=user)
    later = NOON + timedelta(minutes=1)
    download(file.key, later, subject=str(whole.pk))
    part(file.key, later, subject=str(some.pk))
    download(file.key, NOON - timedelta(minutes=1), subject=str(before.pk))
    download(file.key, later, subject=str(other.pk))
    download("elsewhere.pdf", later, subject=str(never.pk))
    assert counts.collected(WEEK) == {
        (TODAY, counts.COMPLETE): 1,
        (TODAY, counts.PART): 1,
        (TODAY, counts.NOTHING): 2,
    }
    assert [grant.user for grant in counts.waiting(WEEK, 10)] == [before, never]
    assert [grant.user for grant in counts.waiting(WEEK, 1)] == [before]


def test_a_member_of_a_group_collects_its_grant(file: File, person: Any) -> None:
    member, outsider = person("member", groups=("sales",)), person("outsider", groups=("other",))
    sales = Group.objects.get(name="sales")
    give(file, group=sales)
    give(file, group=Group.objects.create(name="nobody"), at=NOON - timedelta(hours=1))
    download(file.key, NOON + timedelta(minutes=1), subject=str(outsider.pk))
    assert counts.collected(WEEK) == {(TODAY, counts.NOTHING): 2}
    assert [grant.group.name for grant in counts.waiting(WEEK, 10) if grant.group] == ["nobody", "sales"]
    assert [grant.group.name for grant in counts.waiting(WEEK, 1) if grant.group] == ["nobody"]
    download(file.key, NOON + timedelta(minutes=1), subject=str(member.pk))
    assert counts.collected(WEEK) == {(TODAY, counts.NOTHING): 1, (TODAY, counts.COMPLETE): 1}


def page(browser: Client, days: str = "") -> str:
    answer = browser.get(reverse("statistics"), {"days": days} if days else {})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("days", "shown"), [("", 30), ("7", 7), ("90", 90), ("8", 30), ("x\0", 30), ("-7", 30)]
)
def test_only_offered_periods_are_shown(admin_client: Client, days: str, shown: int) -> None:
    assert f"in the last {shown} days" in page(admin_client, days)
    assert read_period(days).days == shown


def test_it_is_for_staff_who_may_see_the_audit_trail(person: Any, signed_in: Any) -> None:
    address = reverse("statistics")
    assert Client().get(address)["Location"] == f"{reverse('login')}?next={address}"
    sam = person("sam")
    rights = Permission.objects.filter(codename__in=["view_download", "view_transfer"])
    sam.user_permissions.add(*rights)
    browser = signed_in(sam)
    assert browser.get(address).status_code == 403
    assert address not in browser.get("/").content.decode()
    sam.user_permissions.clear()
    sam.is_staff = True
    sam.save()
    assert browser.get(address).status_code == 403
    assert address not in browser.get("/").content.decode()
    sam.user_permissions.add(*rights)
    assert browser.get(address).status_code == 200
    assert f'href="{address}"' in browser.get("/").content.decode()


def test_without_a_row_it_says_so(admin_client: Client) -> None:
    text = page(admin_client)
    assert text.count("No data for these 30 days.") == 4
    assert "<svg" not in text.split("<main")[1]
    assert "All files that were shared in these days have been downloaded." in text


HOSTILE = [
    "四半期報告書・最終版・二〇二六年.pdf",
    "تقرير.pdf",
    "<script>alert(1)</script>",
    'a "b" & c',
    "n" * 255,
    "x",
]


def figures(text: str) -> dict[str, str]:
    """The HTML of each chart, with its drawing and the table behind it."""
    return dict(re.findall(r'<figure [^>]*id="(\w+)"(.*?)</figure>', text, re.DOTALL))


def table(figure: str) -> list[list[str]]:
    cell = re.compile(r"<t[hd][^>]*>(?:<bdi>)?(.*?)(?:</bdi>)?</t[hd]>", re.DOTALL)
    return [[unescape(text) for text in cell.findall(row)] for row in re.findall(r"<tr>.*?</tr>", figure)]


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, person: Any) -> None:
    monkeypatch.setattr(timezone, "localdate", lambda: TODAY)
    for number, name in enumerate(HOSTILE):
        key = f"key\x01{number}"
        file = File.objects.create(
            name=name, key=key, size=1, content_type="application/pdf", sha256="d" * 64
        )
        give(file, user=person(f"person {number}"))
        for _ in range(number + 1):
            download(key, subject="nobody")
    part("no file\x01\x1b")
    rows.transfer("a", outcome="denied")


def test_the_table_behind_each_chart_has_its_numbers(admin_client: Client, filled: None) -> None:
    shown = figures(page(admin_client, "7"))
    found = {name: table(figure) for name, figure in shown.items()}
    for name, [[_, *columns], *of_rows] in found.items():
        for number, column in enumerate(columns, 1):
            drawn = re.findall(rf"<title>[^<]*: (\d+) {column}</title>", shown[name])
            assert sum(map(int, drawn)) == sum(int(row[number]) for row in of_rows), (name, column)
    assert found["downloads"] == [["Day", "complete", "incomplete or in progress"], ["24 Nov", "21", "1"]]
    assert [row[:2] for row in found["files"][1:7]] == [
        [name, str(6 - number)] for number, name in enumerate(reversed(HOSTILE))
    ]
    assert found["troubles"][1] == ["24 Nov", "1", "0", "0", "0"]
    assert found["collected"][1] == ["24 Nov", "0", "0", "6"]


def test_the_charts_are_xml_with_nothing_that_the_policy_forbids(admin_client: Client, filled: None) -> None:
    text = page(admin_client)
    main = text.split("<main")[1]
    drawings = re.findall(r"<svg.*?</svg>", main, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        tree = ElementTree.fromstring(drawing)
        assert tree.get("role") == "img"
        assert tree.get("aria-label")
        tags = {node.tag.rpartition("}")[2] for node in tree.iter()}
        assert tags <= {"svg", "g", "rect", "path", "text", "title"}
        names = {name for node in tree.iter() for name in node.attrib}
        assert not names & {"style", "onclick", "onload", "href"}
    assert "<script>alert" not in main
    assert "no file��" in main


def test_the_number_of_queries_does_not_grow(
    admin_client: Client, filled: None, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        page(admin_client)


def drawn(text: str) -> Any:
    return ElementTree.fromstring(text)


def rectangles(tree: Any, tone: str) -> list[dict[str, float]]:
    ns = "{http://www.w3.org/2000/svg}"
    return [
        {name: float(rect.get(name)) for name in ("x", "y", "width", "height")}
        for group in tree.iter(f"{ns}g")
        if group.get("class") == f"series {tone}"
        for rect in group.iter(f"{ns}rect")
    ]


def test_bars_are_as_high_as_their_numbers() -> None:
    tree = drawn(
        bars_by_day("about", ["1 Nov", "2 Nov"], [Series("a", "one", [10, 40]), Series("b", "two", [5, 0])])
    )
    first, second = rectangles(tree, "one")
    assert second["height"] == pytest.approx(4 * first["height"], rel=1e-3)
    assert rectangles(tree, "two")[0]["height"] == pytest.approx(first["height"] / 2, rel=1e-3)
    titles = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["1 Nov: 10 a", "2 Nov: 40 a", "1 Nov: 5 b", "2 Nov: 0 b"]


def test_the_second_colour_begins_where_the_first_ends() -> None:
    values = [Series("a", "one", [10, 40]), Series("b", "two", [5, 7])]
    upright = drawn(bars_by_day("about", ["1 Nov", "2 Nov"], values))
    for lower, upper in zip(rectangles(upright, "one"), rectangles(upright, "two"), strict=True):
        assert upper["y"] + upper["height"] == pytest.approx(lower["y"], abs=0.02)
    lying = drawn(bars_by_name("about", ["first", "second"], values))
    for left, right in zip(rectangles(lying, "one"), rectangles(lying, "two"), strict=True):
        assert left["x"] + left["width"] == pytest.approx(right["x"], abs=0.02)


def test_the_first_name_is_on_top() -> None:
    tree = drawn(bars_by_name("about", ["first", "second"], [Series("a", "one", [9, 3])]))
    by_height = sorted(rectangles(tree, "one"), key=lambda rect: rect["y"])
    assert [round(rect["width"] / by_height[1]["width"]) for rect in by_height] == [3, 1]


@pytest.mark.parametrize("most", [0, 1, 7, 99, 10**6, 5 * 10**12])
def test_the_scale_has_few_whole_numbers(most: int) -> None:
    scale = _scale(most)
    assert scale[0] == 0
    assert scale[-1] >= max(most, 1)
    assert 2 <= len(scale) <= 6
    assert len(set(map(short_number, scale))) == len(scale)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1500, "1.5k"),
        (12_345, "12k"),
        (2_500_000, "2.5M"),
        (3e10, "30G"),
    ],
)
def test_large_numbers_are_short(number: float, text: str) -> None:
    assert short_number(number) == text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Report.pdf", "Report.pdf"),
        ("n" * 20, "n" * 20),
        ("n" * 21, "n" * 19 + "…"),
        ("会" * 10, "会" * 10),
        ("会" * 11, "会" * 9 + "…"),
    ],
)
def test_long_names_end_in_dots(name: str, label: str) -> None:
    assert shortened(name) == label


MANY = 4_000
QUESTIONS = [
    counts.downloads,
    counts.top_files,
    counts.troubles,
    counts.collected,
    counts.waiting,
    counts.without_entry,
]


@pytest.fixture
def a_year(file: File, person: Any) -> None:
    """Rows as a year leaves them, one in a hundred denied."""
    moments = [NOON - timedelta(days=365 * number / MANY) for number in range(MANY)]
    one, other = download(), rows.transfer("a")
    downloads = {field.attname: getattr(one, field.attname) for field in Download._meta.concrete_fields}
    transfers = {field.attname: getattr(other, field.attname) for field in Transfer._meta.concrete_fields}
    for model, values, at in ((Download, downloads, "opened_at"), (Transfer, transfers, "decided_at")):
        model.objects.bulk_create(
            model(
                **{
                    **values,
                    "id": UUID(int=number),
                    at: moment,
                    "key": f"files/{number % 500}.pdf",
                    "subject": str(number % 300),
                    **({"outcome": "denied"} if model is Transfer and number % 100 == 0 else {}),
                }
            )
            for number, moment in enumerate(moments)
        )
    people = [person(f"person {number}") for number in range(3)]
    files = File.objects.bulk_create(
        File(name="x", key=f"files/{number}.pdf", size=1, content_type="text/plain", sha256="a" * 64)
        for number in range(1000)
    )
    grants = Grant.objects.bulk_create(
        Grant(file=other, user=people[number % 3]) for number, other in enumerate(files)
    )
    for number, grant in enumerate(grants):
        grant.granted_at = NOON - timedelta(days=365 * number / 1000)
    Grant.objects.bulk_update(grants, ["granted_at"])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_no_question_reads_a_whole_table(a_year: None) -> None:
    for question in QUESTIONS:
        with CaptureQueriesContext(connection) as captured:
            more: dict[Any, Any] = {counts.top_files: 10, counts.waiting: 10, counts.without_entry: NOON}
            question(WEEK, *([more[question]] if question in more else []))
        assert captured.captured_queries
        for query in captured.captured_queries:
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            with connection.cursor() as cursor:
                cursor.execute(f"{explain} {query['sql']}")
                plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            whole = r"Seq Scan on (xaccel_|files_grant)|SCAN (xaccel_|files_grant)(?!.*USING)"
            assert not re.search(whole, plan), f"{question.__name__}\n{query['sql']}\n{plan}"
