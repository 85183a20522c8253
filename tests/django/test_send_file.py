"""send_file and asend_file: the answer that NGINX obeys."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.test import Client, RequestFactory

from xaccel import OriginNotAllowed, errors
from xaccel.django import asend_file, send_file
from xaccel.errors import InputRefused, OriginUnknown
from xaccel.options import Options, SendOptions

GET = RequestFactory().get("/")


def test_answer_is_empty_and_private() -> None:
    """NGINX would send these headers beside those of the download."""
    response = send_file(GET, "a/report.pdf", origin="documents")
    assert response.status_code == 200
    assert response.content == b""
    assert response["Content-Length"] == "0"
    assert response["X-Accel-Redirect"] == "/_xaccel/documents"
    assert not {"Content-Disposition", "Cache-Control", "Expires", "Accept-Ranges"} & set(response.headers)


def test_keywords_are_the_fields_of_options() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    assert set(SendOptions.__annotations__) == fields
    assert get_type_hints(SendOptions) == get_type_hints(Options)


def test_subject_is_the_users_primary_key(client: Client, ada: Any) -> None:
    client.force_login(ada)
    assert client.get("/key/")["Xaccel-Subject"] == str(ada.pk)


@pytest.mark.parametrize("user", [AnonymousUser(), None])
def test_anonymous_request_has_no_subject(user: Any) -> None:
    request = RequestFactory().get("/")
    if user is not None:
        request.user = user
    assert "Xaccel-Subject" not in send_file(request, "a.pdf", origin="documents")


def test_subject_of_the_caller_wins_and_no_user_is_loaded() -> None:
    class NoDatabase:
        @property
        def is_authenticated(self) -> bool:
            raise AssertionError("the user was loaded")

    request = RequestFactory().get("/")
    request.user = NoDatabase()
    assert send_file(request, "a.pdf", origin="documents", subject="team 7")["Xaccel-Subject"] == "team 7"


def test_primary_key_that_no_header_carries_is_quoted() -> None:
    class Named:
        is_authenticated = True
        pk = "josé\r\nX-Evil: 1"

    request = RequestFactory().get("/")
    request.user = Named()
    assert send_file(request, "a.pdf", origin="documents")["Xaccel-Subject"] == "jos%C3%A9%0D%0AX-Evil:%201"


def test_url_in_another_origin_than_the_named_one_is_refused() -> None:
    with pytest.raises(OriginNotAllowed, match="documents"):
        send_file(GET, url="https://files.partner.example/out/x", origin="documents")


def test_origin_may_be_left_out_where_there_is_one(site: Any) -> None:
    site(ORIGINS={"partner": {"type": "http", "base_url": "https://p.example/"}})
    assert send_file(GET, "x y")["Xaccel-Url"] == "https://p.example/x%20y"


@pytest.mark.parametrize("arguments", [{}, {"file_or_key": "a", "url": "https://x.example/"}])
def test_call_that_names_nothing_or_too_much_is_a_type_error(arguments: Any) -> None:
    with pytest.raises(TypeError):
        send_file(GET, **arguments)


def test_a_missing_origin_is_refused_with_the_valid_names() -> None:
    with pytest.raises(OriginUnknown) as refused:
        send_file(GET, "a")
    assert str(refused.value).startswith("origin: the site has ")
    assert "Pass origin= with one of: " in str(refused.value)


BAD = [
    ({"file_or_key": "."}, ".", "KeyRefused"),
    ({"file_or_key": "../../etc/passwd%00"}, "../../etc/passwd%00", "KeyRefused"),
    ({"file_or_key": "a\udcff"}, "a?", "KeyRefused"),
    ({"file_or_key": "a", "filename": "one\u2029two.txt"}, "a", "FileNameRefused"),
]


@pytest.mark.parametrize(("arguments", "key", "reason"), BAD)
def test_stored_data_that_cannot_be_sent_are_a_recorded_404(
    events: list[Any], arguments: Any, key: str, reason: str
) -> None:
    with pytest.raises(Http404) as plain:
        send_file(GET, origin="disk", **arguments)
    with pytest.raises(Http404) as awaited:
        async_to_sync(asend_file)(GET, origin="disk", **arguments)
    assert type(plain.value) is type(awaited.value), "one class for all exceptions of a kind"
    for raised in (plain, awaited):
        assert isinstance(raised.value, InputRefused)
        assert isinstance(raised.value, getattr(errors, reason))
    assert [(event.allowed, event.key, event.reason) for _, event in events] == 2 * [(False, key, reason)]
