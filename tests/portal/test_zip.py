"""Selected files as one ZIP: only those that the user has a grant for, and only if the site assembles archives."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from portal.files.models import File, Grant
from portal.files.views.archive import may_have
from xaccel import ObjectRef
from xaccel.audit.models import Transfer


@pytest.fixture
def with_archives(settings, tmp_path):
    settings.XACCEL = {
        **settings.XACCEL,
        "ARCHIVES": {"app": "127.0.0.1:1", "layouts": str(tmp_path / "layouts")},
    }


@pytest.fixture
def mine(mei, file):
    """A mei with a file that can be in an archive."""
    File.objects.update(crc32=7, etag='"v1"')
    return mei


def zip_of(*files, **more):
    return reverse("zip"), {"file": [getattr(file, "pk", file) for file in files], **more}


@pytest.mark.usefixtures("with_archives")
def test_selected_files_are_handed_off_as_an_archive(mine, file, signed_in):
    response = signed_in(mine).get(*zip_of(file, folder="Reports"))
    assert response["X-Accel-Redirect"] == "/_xaccel/archives"
    assert response["Xaccel-Disposition"] == 'attachment; filename="Reports.zip"'
    assert Transfer.objects.get().origin == "archives"


@pytest.mark.usefixtures("with_archives")
def test_a_selection_with_a_file_of_another_user_is_404_and_recorded(mine, file, person, signed_in):
    browser = signed_in(person("sam"))
    assert browser.get(*zip_of(file)).status_code == 404
    assert [(one.outcome, one.key) for one in Transfer.objects.all()] == [("denied", file.key)]
    for wrong in (uuid.uuid4(), "no-uuid"):
        assert signed_in(mine).get(*zip_of(file, wrong)).status_code == 404


@pytest.mark.usefixtures("with_archives")
def test_a_file_without_a_checksum_cannot_be_selected(mine, file, signed_in):
    File.objects.update(crc32=None, etag="")
    browser = signed_in(mine)
    assert f'value="{file.pk}"' not in browser.get(reverse("files")).content.decode()
    assert browser.get(*zip_of(file)).status_code == 404


@pytest.mark.usefixtures("with_archives")
def test_nothing_selected_leads_back_to_the_folder_with_a_message(mine, signed_in):
    response = signed_in(mine).get(*zip_of(folder="A & B"), follow=True)
    assert response.redirect_chain[0][0].endswith("?selected=none&folder=A+%26+B")
    assert "Select at least one file" in response.content.decode()


def test_a_revoked_grant_ends_the_permission_for_each_file(mine, file):
    ref = ObjectRef(file.origin, file.key)
    assert may_have(str(mine.pk), ref)
    assert not may_have("0", ref)
    Grant.objects.all().delete()
    assert not may_have(str(mine.pk), ref)


def test_without_archives_the_list_offers_no_selection(mine, signed_in):
    assert "checkbox" not in signed_in(mine).get(reverse("files")).content.decode()
