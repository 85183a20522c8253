"""AppURLs and MediaView: `storage.url()` is an address of the app, which asks who may see the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from storages.backends.s3 import S3Storage

from tests.django.library.models import Page
from xaccel.django import send_file
from xaccel.django.conf import configuration
from xaccel.django.media import AppURLs, MediaView, find_row
from xaccel.errors import OriginNotAllowed
from xaccel.signing.endpoint import without_waiting

pytestmark = pytest.mark.django_db


class BucketMedia(AppURLs, S3Storage):
    base_url = "/media/"


class DiskMedia(AppURLs, FileSystemStorage):
    base_url = "/media/"


class RemoteMedia(Storage):
    """A kind that xaccel does not know."""

    def url(self, name: str | None) -> str:
        return f"https://files.partner.example/out/{quote(name or '')}?signature=1"


class AppRemoteMedia(AppURLs, RemoteMedia):
    base_url = "/media/"


def bucket(**options: Any) -> BucketMedia:
    return BucketMedia(**{**settings.STORAGES["bucket"]["OPTIONS"], **options})


def media(
    storage: Any, name: str, user: Any, permission: Any = lambda request, name: True, **more: Any
) -> Any:
    """What `user` gets for an address of MediaView."""
    request: Any = RequestFactory().get("/")
    request.user = user
    return MediaView.as_view(storage=storage, permission=permission, **more)(request, name=name)


NAMES = ["images/a.jpg", "Résumé – 日本 (1).pdf", "100% sure?.txt#1", "a+b&c=d.txt", ".hidden", "a/..b/c..d"]


@pytest.mark.parametrize("make", [bucket, DiskMedia, AppRemoteMedia])
@pytest.mark.parametrize("name", NAMES)
def test_the_address_of_a_file_leads_to_the_view_that_sends_it(make: Any, name: str, ada: Any) -> None:
    storage = make()
    address = storage.url(name, parameters={"versionId": "1"}, expire=60)
    assert urlsplit(address)[:2] == ("", "")
    path = urlsplit(address).path
    assert path.isascii()
    asked = []
    response = media(
        storage, unquote(path).removeprefix("/media/"), ada, lambda *given: not asked.append(given)
    )
    assert [asked_name for _, asked_name in asked] == [name]
    assert response["Xaccel-Subject"] == str(ada.pk)
    assert response["Xaccel-Disposition"].startswith("inline")
    file: Any = FieldFile(None, FileField(storage=storage), name)  # type: ignore[arg-type]
    request: Any = RequestFactory().get("/")
    request.user = ada
    same = send_file(request, file)
    for header in ("X-Accel-Redirect", "Xaccel-Url"):
        assert response.get(header, "").partition("?")[0] == same.get(header, "").partition("?")[0]


def test_the_location_of_the_storage_cannot_be_left(ada: Any, events: list[Any]) -> None:
    """S3Storage makes "private/x" of each of them, after `permission` was asked about another name."""
    asked: list[str] = []
    for name in (
        *(
            "public/../private/x",
            "public/..\\private/x",
            "public\\..\\private/x",
            "./private/x",
            "private//x",
        ),
        *("private/x/", "../tenant-b/x", "..", ".", "/private/x", "/etc/passwd", "..\\..\\x", "a/.."),
    ):
        for storage in (bucket(), DiskMedia()):
            with pytest.raises(Http404):
                media(storage, name, ada, lambda request, name: not asked.append(name))
    assert (asked, events) == ([], [])
    sent = media(bucket(), "%2e%2e/private/x", ada)
    assert urlsplit(sent["Xaccel-Url"]).path == "/tenant-a/%252e%252e/private/x"


def test_a_row_is_of_exactly_this_name(lax_column: Callable[[str, str], None]) -> None:
    lax_column("library_page", "file")
    pages = Page.objects.all()
    for name in ("A.jpg", "a.jpg"):
        Page.objects.create(file=name, proof=f"proof-{name}")
    assert pages.filter(file="a.JPG").count() == 2
    assert find_row(pages, "a.JPG") is None
    for name in ("A.jpg", "a.jpg"):
        row = find_row(pages, name)
        assert row is not None
        assert row.proof.name == f"proof-{name}"
    assert find_row(pages, "proof-a.jpg", field="proof") == row


def test_a_name_that_no_storage_takes_is_404(ada: Any) -> None:
    for name in ("a\x00b", "\ud800"):
        with pytest.raises(Http404):
            media(bucket(), name, ada)


def refused(user: Any, **more: Any) -> bool:
    try:
        media(bucket(), "a.jpg", user, **more)
    except PermissionDenied:
        return True
    return False


def test_anonymous_users_are_refused_unless_the_view_lets_them_ask(ada: Any, events: list[Any]) -> None:
    def see(allowed: bool) -> Any:
        return lambda request, name: allowed

    outcomes = {
        (user is ada, allow, allowed): refused(user, allow_anonymous=allow, permission=see(allowed))
        for user in (ada, AnonymousUser())
        for allow in (False, True)
        for allowed in (False, True)
    }
    assert {each for each, outcome in outcomes.items() if not outcome} == {
        *((True, False, True), (True, True, True), (False, True, True)),
    }
    denied = [event for _, event in events if not event.allowed]
    assert len(denied) == 5
    assert {(event.origin, event.key, event.reason) for event in denied} == {
        ("documents", "a.jpg", "has_permission")
    }
    with pytest.raises(Http404):
        media(bucket(), "a.jpg", AnonymousUser(), denied_status=404)


def test_a_request_without_users_is_anonymous() -> None:
    view = MediaView.as_view(permission=lambda request, name: True)
    with pytest.raises(PermissionDenied):
        view(RequestFactory().get("/"), name="a.jpg")


def test_a_view_without_permission_and_storages_without_address_are_refused() -> None:
    class NoAddress(AppURLs, FileSystemStorage):
        pass

    with pytest.raises(ImproperlyConfigured, match="MediaView has no permission="):
        MediaView.as_view()
    with pytest.raises(ImproperlyConfigured, match=r"NoAddress\.base_url is ''"):
        NoAddress().url("a.jpg")


class Staff(MediaView):
    """A subclass has the options of `send_file`."""

    storage = storages["bucket"]
    as_attachment = True

    @staticmethod
    def permission(request: HttpRequest, name: str) -> bool:
        return name == f"{request.user.pk}.jpg"

    def get_options(self) -> Any:
        return {**super().get_options(), "cache_control": "private, max-age=600"}


def test_a_subclass_decides_and_has_options(ada: Any) -> None:
    request: Any = RequestFactory().get("/")
    request.user = ada
    response = Staff.as_view()(request, name=f"{ada.pk}.jpg")
    assert response["Xaccel-Cache-Control"] == "private, max-age=600"
    assert response["Xaccel-Disposition"].startswith("attachment")
    with pytest.raises(PermissionDenied):
        Staff.as_view()(request, name="others.jpg")


def test_a_storage_in_no_origin_is_an_error_of_the_site(site: Any, ada: Any) -> None:
    site(ORIGINS={"partner": {"type": "http", "base_url": "https://p.example/"}})
    with pytest.raises(OriginNotAllowed):
        media(bucket(), "a.jpg", ada)


def test_the_addresses_cost_no_thread(ada: Any) -> None:
    """A storage that computes what it signs runs in a thread; only the address of this one is its own."""
    storage = bucket()
    file: Any = FieldFile(None, FileField(storage=storage), "a.jpg")  # type: ignore[arg-type]
    configuration().objects.find(file, origin=None)
    with without_waiting():
        assert configuration().objects.find(file, origin=None).key == "a.jpg"
