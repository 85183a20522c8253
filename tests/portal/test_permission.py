"""Only users with a grant get a file, and others cannot find out that it exists."""

from __future__ import annotations

import re
import uuid

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.urls import reverse

from portal.files.models import File, Grant
from xaccel.audit.models import Transfer

ROUTES = ["download", "open"]


def address(route, file):
    return reverse(route, args=[file.pk])


@pytest.mark.parametrize("route", ROUTES)
def test_own_grant_hands_the_file_over(route, mei, file, signed_in):
    response = signed_in(mei).get(address(route, file))
    assert response.status_code == 200
    assert response["X-Accel-Redirect"].startswith("/_xaccel/")
    assert response.content == b""
    wanted = "attachment" if route == "download" else "inline"
    assert response["Xaccel-Disposition"].startswith(wanted)


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("route", ROUTES)
def test_grant_of_another_user_is_404(route, method, person, file, signed_in):
    Grant.objects.create(file=file, user=person("mei"))
    response = getattr(signed_in(person("sam")), method)(address(route, file), headers={"Range": "bytes=0-1"})
    assert response.status_code == 404
    assert "X-Accel-Redirect" not in response
    assert file.name not in response.content.decode()


def test_revoked_grant_refuses_the_next_request(person, file, signed_in):
    user = person("mei")
    grant = Grant.objects.create(file=file, user=user)
    browser = signed_in(user)
    assert browser.get(address("download", file)).status_code == 200
    grant.delete()
    assert browser.get(address("download", file)).status_code == 404


def test_leaving_the_group_refuses_the_next_request(person, file, signed_in):
    user = person("mei", groups=["Finance"])
    group = Group.objects.get(name="Finance")
    Grant.objects.create(file=file, group=group)
    browser = signed_in(user)
    assert browser.get(address("download", file)).status_code == 200
    user.groups.remove(group)
    assert browser.get(address("download", file)).status_code == 404


def test_superuser_without_a_grant_is_404(person, file, signed_in):
    assert signed_in(person("root", superuser=True)).get(address("download", file)).status_code == 404


@pytest.mark.parametrize("route", ROUTES)
def test_anonymous_goes_to_the_sign_in_page_and_back(route, client, file):
    response = client.get(address(route, file))
    assert response.status_code == 302
    assert response["Location"] == f"{reverse('login')}?next={address(route, file)}"


def test_a_deactivated_user_is_redirected_to_the_sign_in_page(mei, file, signed_in):
    browser = signed_in(mei)
    mei.is_active = False
    mei.save()
    assert browser.get(address("download", file)).status_code == 302


def test_a_file_that_does_not_exist_answers_like_one_that_is_not_granted(person, file, signed_in):
    browser = signed_in(person("sam"))
    hidden, absent = (browser.get(reverse("download", args=[pk])) for pk in (file.pk, uuid.uuid4()))
    # Django masks the form's token anew for each page.
    pages = [
        re.sub(rb'(csrfmiddlewaretoken" value=")\w+', rb"\1", answer.content) for answer in (hidden, absent)
    ]
    assert pages[0] == pages[1]
    assert hidden.status_code == absent.status_code == 404
    assert sorted(hidden.headers) == sorted(absent.headers)
    page = browser.get(reverse("downloads")).content.decode()
    assert page.count("A file that is not available to you") == 2
    assert file.name not in page


def test_post_is_refused_before_anything_is_looked_up(mei, file, signed_in):
    assert signed_in(mei).post(address("download", file)).status_code == 405
    assert not Transfer.objects.exists()


def test_web_page_is_saved_even_when_opened(mei, file, signed_in):
    file.content_type = "text/html"
    file.save()
    response = signed_in(mei).get(address("open", file))
    assert response["Xaccel-Disposition"].startswith("attachment")


def test_the_list_shows_only_granted_files(person, file, signed_in):
    user = person("mei", groups=["Finance"])
    other = File.objects.create(name="Other.txt", key="other", size=1, sha256="b" * 64)
    # Two grants of one file must not show it twice.
    Grant.objects.create(file=file, user=user)
    Grant.objects.create(file=file, group=Group.objects.get(name="Finance"))
    Grant.objects.create(file=other, user=person("sam"))
    assert list(signed_in(user).get(reverse("files")).context["files"]) == [file]
    assert not File.objects.visible_to(AnonymousUser()).exists()
