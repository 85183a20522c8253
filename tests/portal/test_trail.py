"""The portal's requests leave a row in the audit trail, and users see their own."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse

from tests.portal.rows import transfer
from xaccel.audit.models import Transfer

pytestmark = pytest.mark.django_db


def ask(browser, file, **headers):
    return browser.get(reverse("download", args=[file.pk]), headers=headers)


def test_allowed_request_is_recorded_with_the_id_of_the_hand_off(mei, file, signed_in):
    response = ask(signed_in(mei), file)
    row = Transfer.objects.get()
    assert (str(row.pk), row.outcome, row.subject) == (response["Xaccel-Id"], "granted", str(mei.pk))
    assert (row.origin, row.key, row.filename) == (file.origin, file.key, file.name)
    assert (row.method, row.as_attachment, row.reason) == ("GET", True, "")


def test_unchanged_file_is_answered_here_and_recorded(mei, file, signed_in):
    browser = signed_in(mei)
    assert ask(browser, file, if_none_match=f'"{file.sha256}"').status_code == 304
    row = Transfer.objects.get()
    assert (row.outcome, row.reason) == ("not_modified", "304 by the app")
    page = browser.get(reverse("downloads")).content.decode()
    assert "Unchanged" in page
    assert file.name in page


def test_unmet_condition_is_shown_as_another_version(mei, file, signed_in):
    """The portal's own log called it "Unchanged"."""
    browser = signed_in(mei)
    assert ask(browser, file, if_match='"older"').status_code == 412
    page = browser.get(reverse("downloads")).content.decode()
    assert "Unchanged" not in page
    assert "not sent: the file is another version than the one you have" in page


def test_refused_request_is_recorded_with_the_reason(person, file, signed_in):
    user = person("sam")
    ask(signed_in(user), file)
    row = Transfer.objects.get()
    assert (row.outcome, row.reason, row.subject) == ("denied", "no grant", str(user.pk))
    assert (row.origin, row.key) == (file.origin, file.key)


def test_request_for_an_unknown_file_is_recorded(person, signed_in):
    signed_in(person("sam")).get(reverse("download", args=[uuid.uuid4()]))
    row = Transfer.objects.get()
    assert (row.outcome, row.reason, row.key) == ("denied", "no such file", "")


def test_anonymous_request_leaves_no_row(client, file):
    ask(client, file)
    assert not Transfer.objects.exists()


def test_row_stays_when_user_and_file_are_deleted(mei, file, signed_in):
    ask(signed_in(mei), file)
    subject, key = str(mei.pk), file.key
    mei.delete()
    file.delete()
    row = Transfer.objects.get()
    assert (row.subject, row.key, row.filename) == (subject, key, "Report.pdf")


def test_while_the_session_cannot_be_read_the_page_is_503(person, signed_in, monkeypatch):
    browser = signed_in(person("mei"))
    browser.raise_request_exception = False
    monkeypatch.setattr(Session._meta, "db_table", "table_that_is_gone")
    response = browser.get(reverse("files"))
    assert response.status_code == (503 if connection.vendor == "sqlite" else 500)
    if connection.vendor == "sqlite":
        assert response["Retry-After"] == "60"
        assert "Try again in a minute" in response.content.decode()


def test_forged_hand_off_is_not_among_the_downloads_of_the_user_it_names(person, signed_in):
    user = person("mei")
    transfer("a", subject=str(user.pk), filename="forged.pdf", decided_at=None, why="forged")
    page = signed_in(user).get(reverse("downloads")).content.decode()
    assert "forged.pdf" not in page
    assert "You have not downloaded anything yet" in page
