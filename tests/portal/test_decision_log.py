"""Every decision leaves a row, and the row stays."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from portal.files.models import Decision, Grant
from portal.files.models.decision import LogIsAppendOnly


def ask(browser, file, **headers):
    return browser.get(reverse("download", args=[file.pk]), headers=headers)


def test_allowed_request_is_recorded_with_the_id_of_the_hand_off(person, file, signed_in):
    user = person("mei")
    Grant.objects.create(file=file, user=user)
    response = ask(signed_in(user), file, user_agent="Browser/1.0 " + "x" * 400)
    decision = Decision.objects.get()
    assert decision.allowed
    assert decision.transfer_id == response["Xaccel-Id"]
    assert (decision.user, decision.username, decision.file, decision.file_name) == (
        user,
        "mei",
        file,
        file.name,
    )
    assert (decision.method, decision.ip, decision.as_attachment) == ("GET", "127.0.0.1", True)
    assert decision.user_agent.startswith("Browser/1.0")
    assert len(decision.user_agent) == 200


def test_unchanged_file_is_answered_here_and_recorded(person, file, signed_in):
    user = person("mei")
    Grant.objects.create(file=file, user=user)
    browser = signed_in(user)
    assert ask(browser, file, if_none_match=f'"{file.sha256}"').status_code == 304
    decision = Decision.objects.get()
    assert (decision.allowed, decision.reason, decision.transfer_id) == (True, "304 by the app", "")
    assert "Unchanged" in browser.get(reverse("downloads")).content.decode()


def test_refused_request_is_recorded_with_the_reason(person, file, signed_in):
    user = person("sam")
    ask(signed_in(user), file)
    decision = Decision.objects.get()
    assert not decision.allowed
    assert (decision.reason, decision.user, decision.file, decision.file_name) == (
        "no grant",
        user,
        file,
        file.name,
    )


def test_request_for_an_unknown_file_is_recorded(person, signed_in):
    signed_in(person("sam")).get(reverse("download", args=[uuid.uuid4()]))
    decision = Decision.objects.get()
    assert (decision.allowed, decision.reason, decision.file) == (False, "no such file", None)


def test_anonymous_request_leaves_no_row(client, file):
    ask(client, file)
    assert not Decision.objects.exists()


def test_names_stay_when_user_and_file_are_deleted(person, file, signed_in):
    user = person("sam")
    ask(signed_in(user), file)
    user.delete()
    file.delete()
    decision = Decision.objects.get()
    assert (decision.user, decision.username) == (None, "sam")
    assert (decision.file, decision.file_name) == (None, "Report.pdf")


def test_row_can_neither_change_nor_go(person, file, signed_in):
    ask(signed_in(person("sam")), file)
    decision = Decision.objects.get()
    decision.allowed = True
    for attempt in (
        decision.save,
        decision.delete,
        Decision.objects.all().delete,
        lambda: Decision.objects.update(allowed=True),
        lambda: Decision.objects.bulk_update([decision], ["allowed"]),
    ):
        with pytest.raises(LogIsAppendOnly), transaction.atomic():
            attempt()
    assert not Decision.objects.get().allowed


def test_what_cannot_be_recorded_is_not_delivered(person, file, signed_in, monkeypatch):
    user = person("mei")
    Grant.objects.create(file=file, user=user)
    browser = signed_in(user)
    browser.raise_request_exception = False
    monkeypatch.setattr(Decision._meta, "db_table", "table_that_is_gone")
    response = ask(browser, file)
    assert response.status_code == 500
    assert "X-Accel-Redirect" not in response


@pytest.mark.parametrize(
    "case",
    [
        (False, {"X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.8"}, "127.0.0.1"),
        (True, {"X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.8"}, "203.0.113.7"),
        (True, {"X-Forwarded-For": "10.0.0.1, 2001:db8::9"}, "2001:db8::9"),
        (True, {"X-Real-IP": "not an address"}, None),
        (True, {}, "127.0.0.1"),
    ],
)
def test_address_comes_from_a_header_only_behind_a_trusted_proxy(case, person, file, signed_in, settings):
    trusted, headers, address = case
    settings.TRUSTED_PROXY = trusted
    ask(signed_in(person("sam")), file, **headers)
    assert Decision.objects.get().ip == address


def test_deleting_a_user_keeps_the_files_they_added(person, file):
    root = person("root", superuser=True)
    file.created_by = root
    file.save()
    User.objects.all().delete()
    file.refresh_from_db()
    assert file.created_by is None
