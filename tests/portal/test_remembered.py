"""NGINX remembers the decisions about files that the portal shows, and each change of a permission ends that."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.urls import reverse

from portal.files.models import Grant
from tests.servers.origin import Answer, origin_server
from xaccel.features.grants.grant import key_of
from xaccel.site import read_mapping
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "portal-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def revoked(settings, monkeypatch):
    """The kinds and values that NGINX was told to forget, in order. It is a server that only takes revocations."""
    monkeypatch.setattr("xaccel.features.grants.revoke.TIMEOUT_S", 60.0)
    with origin_server(lambda _: Answer(body=b"revoked")) as nginx:
        grants = {"app": "127.0.0.1:1", "paths": ["/open/"], "nginx": [nginx.url]}
        settings.XACCEL = {**settings.XACCEL, "SECRET": SECRET, "GRANTS": grants}

        def read(*expected):
            site = read_mapping.read(settings.XACCEL, more_keys=["DELIVERY"])
            names = {key_of(site, kind, str(value)): (kind, value) for kind, value in expected}
            sent = [request.target.rpartition("/")[2] for request in nginx.requests]
            nginx.requests.clear()
            return [names.get(key, key) for key in sent]

        yield read


@pytest.fixture
def mei(person, file, signed_in):
    """A user who was signed in once, with a file."""
    user = person("mei", groups=["Finance"])
    Grant.objects.create(file=file, user=user)
    signed_in(user)
    user.refresh_from_db()
    return user


@pytest.mark.usefixtures("revoked")
def test_what_is_shown_is_remembered_and_a_download_is_not(mei, file, signed_in):
    browser = signed_in(mei)
    for route, remembered in (("open", True), ("download", False)):
        address = reverse(route, args=[file.pk])
        sent = {TOKEN_HEADER: nginx_token(SECRET), SCOPE_HEADER: f"{address} "}
        response = browser.get(address, headers=sent)
        assert response["X-Accel-Redirect"] == "/_xaccel/documents"
        assert ("Xaccel-Grant" in response) == remembered
        assert response.get("X-Accel-Expires") == ("30" if remembered else None)
    page = browser.get(reverse("preview", args=[file.pk])).content.decode()
    assert "NGINX remembers for 30 seconds that you may see this file" in page


def test_without_grants_nothing_is_remembered_and_nobody_is_told(mei, file, signed_in, caplog):
    browser = signed_in(mei)
    response = browser.get(reverse("open", args=[file.pk]))
    assert "X-Accel-Redirect" in response
    assert "Xaccel-Grant" not in response
    assert "remembers" not in browser.get(reverse("preview", args=[file.pk])).content.decode()
    mei.file_grants.get().delete()
    assert caplog.text == ""


def test_a_file_that_is_taken_back_is_forgotten_for_all(revoked, mei, file):
    Grant.objects.create(file=file, group=Group.objects.get(name="Finance"))
    tag = ("tag", file.pk)
    Grant.objects.filter(user=mei).delete()
    assert revoked(tag) == [tag]
    Group.objects.all().delete()
    assert revoked(tag) == [tag]


def leave(user):
    user.groups.remove(Group.objects.get())


def leave_all(user):
    user.groups.clear()


def be_removed(user):
    Group.objects.get().user_set.remove(user)


def be_removed_with_all(user):
    Group.objects.get().user_set.clear()


def be_deactivated(user):
    user.is_active = False
    user.save()


def get_a_new_password(user):
    user.set_password("another one")
    user.save(update_fields=["password"])


@pytest.mark.parametrize(
    "change", [leave, leave_all, be_removed, be_removed_with_all, be_deactivated, get_a_new_password]
)
def test_a_changed_user_is_forgotten(revoked, mei, change):
    change(mei)
    user = ("user", mei.pk)
    assert revoked(user) == [user]


def test_a_deleted_user_is_forgotten(revoked, mei, file):
    user, tag = ("user", mei.pk), ("tag", file.pk)
    mei.delete()
    assert sorted(revoked(user, tag)) == sorted([user, tag])


def test_signing_out_forgets_the_session_alone(revoked, mei, signed_in):
    browser = signed_in(mei)
    session = ("session", browser.session.session_key)
    browser.post(reverse("logout"))
    assert revoked(session) == [session]


def test_what_takes_nothing_away_forgets_nothing(revoked, mei, person, file, signed_in):
    """Also who signs in, and who never did."""
    signed_in(mei)
    new = person("sam", groups=["Finance"])
    Grant.objects.create(file=file, user=new)
    User.objects.get(pk=new.pk).save()
    mei.groups.add(Group.objects.create(name="Harbour"))
    assert revoked() == []


def test_a_change_that_is_rolled_back_forgets_nothing(revoked, mei):
    with transaction.atomic():
        mei.file_grants.get().delete()
        transaction.set_rollback(True)
    assert revoked() == []


def test_an_nginx_that_does_not_take_it_is_logged_and_the_change_stays(revoked, mei, settings, caplog):
    grants = {**settings.XACCEL["GRANTS"], "nginx": ["http://127.0.0.1:1"], "max_grant": 1}
    settings.XACCEL = {**settings.XACCEL, "GRANTS": grants}
    mei.file_grants.get().delete()
    assert "it did not reach http://127.0.0.1:1" in caplog.text
    assert not mei.file_grants.exists()
    for thread in threading.enumerate():
        if thread.name == "xaccel-revoke":  # at its end it writes to the log, whichever test runs then
            thread.join(60)
