"""DownloadView."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.test import AsyncClient, Client, RequestFactory

from tests.django.library.models import Document
from xaccel.django import DownloadView

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(ada: Any) -> Document:
    return Document.objects.create(owner=ada, file="a/report.pdf", scan="s/1.tiff")


@pytest.fixture
def bob(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user(username="bob")


def get(kind: str, user: Any, address: str) -> Any:
    """What this user gets, through Django's handler for "sync" or "async"."""
    if kind == "sync":
        client = Client()
        if user:
            client.force_login(user)
        return client.get(address)
    async_client = AsyncClient()
    if user:
        async_client.force_login(user)
    return async_to_sync(async_client.get)(address)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_user_with_permission_gets_the_file(kind: str, document: Document, ada: Any) -> None:
    response = get(kind, ada, f"/document/{document.pk}/")
    assert response["X-Accel-Redirect"] == "/_xaccel/disk/a/report.pdf"
    assert response["Xaccel-Disposition"] == 'attachment; filename="report.pdf"'
    assert response["Xaccel-Subject"] == str(ada.pk)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("username", ["bob", None])
def test_a_user_without_permission_is_denied_with_an_event(
    kind: str, username: str | None, document: Document, events: list[Any]
) -> None:
    user = username and get_user_model().objects.create_user(username=username)
    response = get(kind, user, f"/document/{document.pk}/")
    assert response.status_code == 403
    assert not [name for name in response.headers if name.lower().startswith(("x-accel", "xaccel"))]
    ((_, event),) = events
    assert (event.allowed, event.origin, event.key) == (False, "disk", "a/report.pdf")
    assert event.subject == (str(user.pk) if user else "")
    assert event.reason == "has_permission"


def test_refusal_can_hide_that_the_object_exists(document: Document, bob: Any, events: list[Any]) -> None:
    assert get("sync", bob, f"/hidden/{document.pk}/").status_code == 404
    assert [event.allowed for _, event in events] == [False]


def test_object_that_does_not_exist_is_404(ada: Any, events: list[Any]) -> None:
    assert get("sync", ada, "/document/0/").status_code == 404
    assert events == []


def test_object_without_file_is_404(ada: Any) -> None:
    document = Document.objects.create(owner=ada, file="")
    assert get("sync", ada, f"/document/{document.pk}/").status_code == 404


def test_field_name_and_inline_are_the_views_choice(document: Document, ada: Any) -> None:
    response = get("sync", ada, f"/scan/{document.pk}/")
    assert urlsplit(response["Xaccel-Url"]).path == "/tenant-a/s/1.tiff"
    assert response["Xaccel-Disposition"] == f'attachment; filename="Scan {document.pk}.tiff"'
    assert get("sync", ada, f"/inline/{document.pk}/")["Xaccel-Disposition"].startswith("inline;")


def test_login_required_of_django_works_with_it(document: Document, ada: Any) -> None:
    address = f"/login/{document.pk}/"
    response = get("sync", None, address)
    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/accounts/login/")
    assert get("sync", ada, address)["X-Accel-Redirect"] == "/_xaccel/disk/a/report.pdf"


def test_view_without_rule_sends_nothing(document: Document, ada: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="override has_permission"):
        get("sync", ada, f"/no-rule/{document.pk}/")


def test_coroutine_in_a_plain_view_is_not_taken_for_a_yes(
    document: Document, bob: Any, events: list[Any]
) -> None:
    with pytest.raises(ImproperlyConfigured, match="call asend_file"):
        get("sync", bob, f"/forgotten-await/{document.pk}/")
    assert events == []


def test_refusal_of_a_file_that_could_not_be_sent_is_still_a_refusal(
    site: Any, document: Document, bob: Any, events: list[Any]
) -> None:
    site(ORIGINS={"partner": {"type": "http", "base_url": "https://p.example/"}})
    assert get("sync", bob, f"/document/{document.pk}/").status_code == 403
    assert [(event.origin, event.key) for _, event in events] == [("", "a/report.pdf")]


def test_other_methods_are_refused(document: Document, ada: Any) -> None:
    client, address = Client(), f"/document/{document.pk}/"
    client.force_login(ada)
    assert client.post(address).status_code == 405
    assert client.head(address)["X-Accel-Redirect"] == "/_xaccel/disk/a/report.pdf"


class Tenant(DownloadView):
    model = Document
    origin = "tenants"

    def has_permission(self) -> bool:
        return self.request.user == self.object.owner

    def get_file(self) -> str:
        return str(self.object.file.name)

    def get_bucket(self) -> str:
        return f"acme-{self.object.owner.username}"


def test_the_view_names_the_bucket_of_its_object(
    site: Any, document: Document, ada: Any, bob: Any, events: list[Any]
) -> None:
    options = {"bucket": "acme-*", "region": "eu-central-1", "access_key": "a", "secret_key": "s"}
    site(ORIGINS={"tenants": {"type": "s3", **options}})
    request: Any = RequestFactory().get("/")

    def answer(user: Any) -> Any:
        request.user = user
        return Tenant.as_view()(request, pk=document.pk)

    url = answer(ada)["Xaccel-Url"]
    assert url.startswith(f"https://acme-{ada.username}.s3.eu-central-1.amazonaws.com/a/report.pdf?")
    with pytest.raises(PermissionDenied):
        answer(bob)
    assert [(event.allowed, event.origin, event.bucket, event.key) for _, event in events] == [
        (True, "tenants", f"acme-{ada.username}", "a/report.pdf"),
        (False, "tenants", f"acme-{ada.username}", "a/report.pdf"),
    ]
