"""Permissions of an administrator."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.files.models import File, Grant, Removal
from portal.files.upload_form import MOST_BYTES

NO_GRANTS = {"grants-TOTAL_FORMS": "0", "grants-INITIAL_FORMS": "0"}


@pytest.fixture
def root(person):
    return person("root", superuser=True)


@pytest.fixture
def browser(root, signed_in, file):
    Grant.objects.create(file=file, user=root)
    browser = signed_in(root)
    browser.get(reverse("download", args=[file.pk]))
    return browser


def test_every_page_of_every_model_loads(browser):
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert browser.get(reverse(f"{name}_changelist"), {"q": "a"}).status_code == 200
        for row in model._default_manager.all()[:1]:
            assert browser.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        added = browser.get(reverse(f"{name}_add")).status_code
        is_to_look_at = model._meta.app_label in ("axes", "xaccel_audit") or model is Removal
        assert added == (403 if is_to_look_at else 200)


def upload(browser, content=b"seven b", **fields):
    file = SimpleUploadedFile("New.txt", content, content_type="text/html")
    return browser.post(
        reverse("admin:files_file_add"), {"content": file, **NO_GRANTS, **fields}, follow=True
    )


def test_a_storage_that_does_not_answer_leaves_no_file(browser):
    """Its address is one that no resolver knows. tests/browser/test_upload.py has a storage that takes it."""
    page = upload(browser)
    assert "The storage did not take New.txt: Could not connect" in page.content.decode()
    assert not File.objects.filter(name="New.txt").exists()


@pytest.mark.parametrize(
    ("fields", "content", "field"),
    [
        ({"name": "a\u2028b.txt"}, b"seven b", "name"),
        ({"name": "a/b.txt"}, b"seven b", "name"),
        ({}, b"", "content"),
        ({}, b"x" * (MOST_BYTES + 1), "content"),
    ],
)
def test_what_cannot_be_sent_is_refused_beside_its_field(browser, fields, content, field):
    page = upload(browser, content, **fields)
    assert set(page.context["adminform"].form.errors) == {field}
    assert not File.objects.filter(key__startswith="uploads/").exists()


def test_grant_on_the_page_of_its_file_can_be_removed_and_not_changed(browser, root, file, person):
    grant, sam = Grant.objects.get(user=root), person("sam")
    entered = {
        "name": file.name,
        "size": "7",
        "content_type": file.content_type,
        "sha256": file.sha256,
        "grants-TOTAL_FORMS": "1",
        "grants-INITIAL_FORMS": "1",
        "grants-0-id": str(grant.pk),
        "grants-0-file": str(file.pk),
        "grants-0-user": str(sam.pk),
    }
    where = reverse("admin:files_file_change", args=[file.pk])
    assert browser.post(where, entered).status_code == 302
    assert [grant.user for grant in file.grants.all()] == [root]
    assert browser.post(where, entered | {"grants-0-DELETE": "on"}).status_code == 302
    assert not file.grants.exists()


def test_key_of_a_stored_file_cannot_be_posted(browser, file):
    entered = {
        "name": "Renamed.pdf",
        "origin": "elsewhere",
        "key": "another",
        "size": "7",
        "content_type": "application/pdf",
        "sha256": "e" * 64,
        **NO_GRANTS,
    }
    assert browser.post(reverse("admin:files_file_change", args=[file.pk]), entered).status_code == 302
    stored = File.objects.get(pk=file.pk)
    assert (stored.name, stored.key, stored.origin) == ("Renamed.pdf", file.key, "documents")


def test_grant_is_added_with_its_giver_and_never_changed(browser, root, file, person):
    sam = person("sam")
    assert (
        browser.post(reverse("admin:files_grant_add"), {"file": file.pk, "user": sam.pk}).status_code == 302
    )
    grant = Grant.objects.get(user=sam)
    assert grant.granted_by == root
    where = reverse("admin:files_grant_change", args=[grant.pk])
    assert browser.post(where, {"file": file.pk, "user": root.pk}).status_code == 403


def test_a_grant_without_a_user_or_group_is_an_error(browser, file):
    page = browser.post(reverse("admin:files_grant_add"), {"file": file.pk})
    assert "Choose a user or a group, one of the two." in page.content.decode()


def test_a_user_who_is_not_staff_cannot_open_the_admin(person, signed_in):
    assert signed_in(person("mei")).get("/admin/").status_code == 302
