"""The audit trail in the admin: read, filtered, searched, exported, never changed."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.files.models import File
from tests.portal.rows import NOW, download, transfer
from xaccel.audit.models import Transfer
from xaccel.audit.retention import forget

pytestmark = pytest.mark.django_db


def page(client: Client, model: str, **query: str) -> str:
    answer = client.get(f"/admin/xaccel_audit/{model}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_lists_show_how_much_was_sent(admin_client: Client) -> None:
    total = 5 * 2**40
    download("whole.pdf")
    download("part.pdf", sent_bytes=999, sent_complete=False, spans=[[0, 999]])
    download("large.pdf", total=total, sent_bytes=total - 1, sent_complete=False)
    download("empty.pdf", total=0, sent_bytes=0, spans=[])
    download("chunks.pdf", total=None, sent_bytes=0, sent_complete=False)
    text = page(admin_client, "download")
    for said in (
        "100 % of 1,000 bytes",
        "99.9 % of 1,000 bytes",
        "99.9 % of 5,497,558,138,880 bytes",
        "empty file",
        "0 bytes",
    ):
        assert f'<td class="field-progress">{said}</td>' in text


def test_a_row_has_the_names_of_its_file_and_user_as_its_title(
    admin_client: Client, admin_user: User, file: File
) -> None:
    row = download(file.key, subject=str(admin_user.pk))
    text = admin_client.get(f"/admin/xaccel_audit/download/{row.pk}/change/").content.decode()
    assert "<h2>Report.pdf, admin</h2>" in text


def test_the_sections_of_the_admin_have_words(admin_client: Client) -> None:
    text = admin_client.get("/admin/").content.decode()
    assert "Sign-in attempts" in text
    assert "Axes" not in text


DAY = {"gte": "2026-11-24 00:00:00+00:00", "lt": "2026-11-25 00:00:00+00:00"}


@pytest.mark.parametrize(
    ("model", "query", "shown"),
    [
        ("download", {}, {"usual", "part", "other", "old"}),
        ("download", {"sent_complete__exact": "0"}, {"part"}),
        ("download", {"sent_complete__exact": "1"}, {"usual", "other", "old"}),
        ("download", {"origin": "elsewhere"}, {"other"}),
        (
            "download",
            {f"opened_at__{name}": at for name, at in DAY.items()},
            {"usual", "part", "other"},
        ),
        ("download", {"q": "8"}, {"other"}),
        ("download", {"q": "old.pdf"}, {"old"}),
        ("download", {"q": "old"}, set()),
        ("transfer", {}, {"usual", "part", "other", "old"}),
        ("transfer", {"outcome__exact": "incomplete"}, {"part"}),
        ("transfer", {"outcome__exact": "sent"}, {"usual", "other", "old"}),
        ("transfer", {"origin": "documents"}, {"usual", "part", "old"}),
        ("transfer", {f"decided_at__{name}": at for name, at in DAY.items()}, {"usual", "part", "other"}),
        ("transfer", {"q": "8"}, {"other"}),
        ("transfer", {"q": "old.pdf"}, {"old"}),
    ],
)
def test_each_filter_and_search_shows_the_right_rows(
    admin_client: Client, model: str, query: dict[str, str], shown: set[str]
) -> None:
    before = NOW - timedelta(days=400)
    download("usual.pdf")
    download("part.pdf", sent_complete=False)
    download("other.pdf", origin="elsewhere", subject="8")
    download("old.pdf", opened_at=before, last_at=before)
    transfer("usual.pdf")
    transfer("part.pdf", outcome="incomplete")
    transfer("other.pdf", origin="elsewhere", subject="8")
    transfer("old.pdf", decided_at=before)
    text = page(admin_client, model, **query)
    assert set(re.findall(r'<td class="field-file">(\w+).pdf</td>', text)) == shown


def test_an_id_finds_its_row_and_that_of_a_decision_each_use_of_its_grant(admin_client: Client) -> None:
    ids = ["019aae21-0000-7000-8000-00000000000a", "019aae21-0000-7000-8000-ffffffffffff"]
    other = transfer("other.pdf", id=UUID("019aae21-0000-7000-8001-000000000000"))
    for id_ in ids:
        transfer("usual.pdf", id=UUID(id_))
    for id_ in ids:
        text = page(admin_client, "transfer", q=id_)
        assert re.findall(r'<td class="field-file">(\w+).pdf</td>', text) == ["usual", "usual"]
    text = page(admin_client, "transfer", q=str(other.pk))
    assert re.findall(r'<td class="field-file">(\w+).pdf</td>', text) == ["other"]


@pytest.mark.parametrize("model", ["download", "transfer"])
def test_the_lists_name_users_and_files(admin_client: Client, person: Any, file: Any, model: str) -> None:
    row = {"download": download, "transfer": transfer}[model]
    row(file.key, subject=str(person("mei").pk))
    # a forged hand-off may name any user
    row("gone.pdf", subject="9" * 30)
    text = page(admin_client, model)
    for column, shown in (("user", ["mei", "9" * 30]), ("file", ["Report.pdf", "gone.pdf"])):
        assert sorted(re.findall(rf'<td class="field-{column}">([^<]+)</td>', text)) == sorted(shown)
    for words in ("mei", "Report.pdf", file.key):
        assert re.findall(r'<td class="field-file">([^<]+)</td>', page(admin_client, model, q=words)) == [
            "Report.pdf"
        ]


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        ("download", {"sent_complete__exact", "origin", "opened_at__gte"}),
        ("transfer", {"outcome__exact", "origin", "decided_at__gte"}),
    ],
)
def test_the_filters_are_offered(admin_client: Client, model: str, offered: set[str]) -> None:
    download("a.pdf")
    transfer("a.pdf")
    assert offered <= set(re.findall(r'href="\?(\w+)=', page(admin_client, model)))


def test_the_database_counts_the_rows_of_a_list(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xaccel.audit.admin.MOST", 70)
    like = transfer("a.pdf")
    values = {field.attname: getattr(like, field.attname) for field in Transfer._meta.concrete_fields}
    Transfer.objects.bulk_create(Transfer(**{**values, "id": UUID(int=number)}) for number in range(80))
    with CaptureQueriesContext(connection) as asked:
        assert "70 transfers" in page(admin_client, "transfer")
    [counted] = [query["sql"] for query in asked if "COUNT(" in query["sql"]]
    assert "LIMIT 70" in counted
    assert "ORDER BY" not in counted
    assert not [query["sql"] for query in asked if "LIMIT 70" in query["sql"] and query["sql"] != counted]


def test_the_audit_admin_is_read_only(admin_client: Client) -> None:
    row = transfer("a.pdf")
    path = f"/admin/xaccel_audit/transfer/{row.pk}/"
    assert admin_client.get(f"{path}change/").status_code == 200
    assert admin_client.post(f"{path}change/", {"key": "b.pdf"}).status_code == 403
    assert admin_client.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/xaccel_audit/transfer/add/").status_code == 403
    assert b"delete_selected" not in admin_client.get("/admin/xaccel_audit/transfer/").content
    assert Transfer.objects.get().key == "a.pdf"


@pytest.mark.parametrize(("action", "kind"), [("as_csv", "text/csv"), ("as_json_lines", "application/jsonl")])
def test_the_selected_rows_are_exported(admin_client: Client, action: str, kind: str) -> None:
    chosen, other = transfer("=1+1"), transfer("other.pdf")
    answer = admin_client.post(
        "/admin/xaccel_audit/transfer/", {"action": action, "_selected_action": [str(chosen.pk)]}
    )
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer["Content-Type"].startswith(kind)
    assert str(chosen.pk) in text
    assert str(other.pk) not in text
    assert ("'=1+1" in text) == (action == "as_csv")


def test_an_export_of_all_is_sent_while_it_is_read(admin_client: Client) -> None:
    """All that the filter finds, beyond the page; no more of it in memory than a block."""
    like = transfer("denied.pdf", outcome="denied")
    values = {field.attname: getattr(like, field.attname) for field in Transfer._meta.concrete_fields}
    Transfer.objects.bulk_create(Transfer(**{**values, "id": UUID(int=number)}) for number in range(2999))
    transfer("sent.pdf")
    chosen = {"_selected_action": [str(like.pk)], "select_across": "1"}
    path = "/admin/xaccel_audit/transfer/?outcome__exact=denied"
    lines: Any = admin_client.post(path, {"action": "as_json_lines", **chosen})
    assert (lines.streaming, lines["Content-Disposition"]) == (True, 'attachment; filename="transfers.jsonl"')
    assert [json.loads(part)["key"] for part in lines.streaming_content] == ["denied.pdf"] * 3000
    table: Any = admin_client.post(path, {"action": "as_csv", **chosen})
    blocks = [part.decode() for part in table.streaming_content]
    assert len(blocks) > 3
    assert max(map(len, blocks)) < 70_000
    rows = list(csv.DictReader(io.StringIO("".join(blocks))))
    assert [row["key"] for row in rows] == ["denied.pdf"] * 3000


def test_a_forgotten_user_is_found_only_by_the_pseudonym(admin_client: Client) -> None:
    download("a.pdf", subject="ada")
    row = transfer("a.pdf", subject="ada", ip="192.0.2.7", filename="Ada.pdf")
    pseudonym, *_ = forget("ada", using="default")
    for model in ("download", "transfer"):
        assert "a.pdf" not in page(admin_client, model, q="ada")
        assert "a.pdf" in page(admin_client, model, q=pseudonym)
    shown = admin_client.get(f"/admin/xaccel_audit/transfer/{row.pk}/change/").content.decode()
    assert pseudonym in shown
    for gone in ("192.0.2.7", "Ada.pdf", ">ada<"):
        assert gone not in shown
