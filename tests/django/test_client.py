"""xaccel_testing.django: clients that follow a hand-off without NGINX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.utils.http import http_date

from tests.django.library.models import Document
from tests.django.stored import BODY, CHANGED, bucket_at, stored
from tests.servers.origin import Origin
from xaccel.django.conf import configuration
from xaccel.handoff.headers import default_policy
from xaccel_testing import assert_hand_off, assert_nothing_leaked
from xaccel_testing.django import AsyncClient, Client, FollowedResponse


@pytest.fixture
def origin(site: Any) -> Iterator[Origin]:
    """A server that is the bucket."""
    with stored() as server:
        site(ORIGINS={"documents": bucket_at(server)})
        yield server


def get(path: str, **more: Any) -> Any:
    """What the client has for a plain view."""
    return Client().get(path, **more)


def aget(path: str, **more: Any) -> Any:
    """What the asynchronous client has for a coroutine."""
    return async_to_sync(AsyncClient().get)(f"/a{path.removeprefix('/')}", **more)


BOTH = pytest.mark.parametrize("ask", [get, aget])


@BOTH
def test_a_download_is_the_file_with_the_headers_that_nginx_sends(origin: Origin, ask: Any) -> None:
    response = ask("/key/?key=2026/r.pdf")
    assert isinstance(response, FollowedResponse)
    assert (response.status_code, response.content) == (200, BODY)
    assert dict(response.headers) == {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(BODY)),
        "Content-Disposition": 'inline; filename="r.pdf"',
        "Cache-Control": "private, no-cache",
        "ETag": '"origin"',
        "Last-Modified": CHANGED,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": default_policy("application/pdf"),
        "Accept-Ranges": "none",
        "Vary": "Cookie",  # declared by the site, and moved into the hand-off by the middleware
    }
    assert_hand_off(response.hand_off, origin="documents", key="2026/r.pdf", site=configuration().site)
    assert_nothing_leaked(response, "acme-documents", origin.url, "AKIASTREAM", "stream-secret")


@BOTH
def test_the_clients_conditions_reach_the_app_alone(origin: Origin, ask: Any) -> None:
    assert ask("/validators/", headers={"if-none-match": '"v1"'}).status_code == 304
    assert ask("/validators/", headers={"if-none-match": '"v2"'})["ETag"] == '"v1"'
    assert origin.requests[-1].header("If-None-Match") is None


def test_the_test_client_has_only_headers_that_pass_nginx(origin: Origin, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.security.SecurityMiddleware"]
    response = Client().get("/never-cached/")
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert response["Referrer-Policy"] == "same-origin"
    assert "Cross-Origin-Opener-Policy" not in response, (
        "it is not declared, so that NGINX does not pass it on"
    )


@pytest.mark.django_db
def test_a_session_goes_on(origin: Origin) -> None:
    client = Client()
    assert client.get("/session/").content == BODY
    assert client.session["seen"] == "yes"


@pytest.mark.django_db
def test_a_file_field_on_a_disk_is_read_and_a_missing_one_is_404(
    ada: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    document = Document(owner=ada)
    document.file.save("minutes.pdf", ContentFile(b"the minutes"))
    client = Client()
    client.force_login(ada)
    response = client.get(f"/document/{document.pk}/")
    assert (response.status_code, response.content) == (200, b"the minutes")
    assert response["Content-Disposition"] == 'attachment; filename="minutes.pdf"'
    assert response["Last-Modified"] == http_date((tmp_path / "minutes.pdf").stat().st_mtime)

    (tmp_path / "minutes.pdf").unlink()
    assert client.get(f"/document/{document.pk}/").status_code == 404


def read_uploads(get_response: Any) -> Any:
    """A middleware that looks at what was sent."""

    def middleware(request: Any) -> Any:
        assert request.FILES["file"].closed is False
        return get_response(request)

    return middleware


def test_uploaded_files_are_closed(origin: Origin, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.read_uploads"]
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1
    response = Client().post("/key/", {"file": ContentFile(b"an upload", "upload.txt")})
    assert response.content == BODY
    assert response.wsgi_request.FILES["file"].closed is True


@pytest.mark.django_db
def test_a_response_that_is_not_a_hand_off_is_unchanged(ada: Any) -> None:
    document = Document.objects.create(owner=ada, file="x.pdf")
    response = Client().get(f"/document/{document.pk}/")
    assert response.status_code == 403
    assert not isinstance(response, FollowedResponse)
