"""RedirectMiddleware in a project: who downloads, what is recorded, and when a redirect passes."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import RequestFactory

from xaccel.django.decisions import UNRECORDED, download_authorized
from xaccel.django.redirects import RedirectMiddleware
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import assert_hand_off

URL = "https://files.example/shared/a.txt?v=1"
SITE = {
    "SECRET": "redirects-6789-abcdefghijklmnopqrstuvwxyz",
    "ORIGINS": {"partner": {"type": "http", "base_url": "https://files.example/shared/"}},
    "REDIRECTS": {"origins": ["partner"], "allow_unsigned": ["partner"], "subject": "X-User"},
}


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.XACCEL = SITE


def moved(request: HttpRequest, **headers: str) -> HttpResponse:
    """What a project sends that redirects, and sets a cookie."""

    def view(request: HttpRequest) -> HttpResponse:
        response = HttpResponseRedirect(URL, headers=headers)
        response.set_cookie("seen", "1")
        return response

    async def aview(request: HttpRequest) -> HttpResponse:
        return view(request)

    given: Any = RedirectMiddleware(view)(request)
    agiven: Any = async_to_sync(RedirectMiddleware(aview))(request)  # type: ignore[arg-type]
    assert (given.status_code, given.get("Xaccel-Subject")) == (
        agiven.status_code,
        agiven.get("Xaccel-Subject"),
    )
    assert given.cookies["seen"].value == agiven.cookies["seen"].value == "1"
    return given  # type: ignore[no-any-return]


def test_the_subject_is_the_user_unless_the_response_names_another() -> None:
    request = RequestFactory().get("/")
    request.user = User(pk=7)
    assert_hand_off(moved(request), key="a.txt", subject="7")
    response = moved(request, **{"X-User": "ann"})
    assert_hand_off(response, key="a.txt", subject="ann")
    assert "X-User" not in response.headers


def test_the_decision_is_sent_before_the_hand_off() -> None:
    events: list[Any] = []

    def receive(event: Any, **_: Any) -> None:
        events.append(event)

    download_authorized.connect(receive)
    try:
        moved(RequestFactory().get("/"))
    finally:
        download_authorized.disconnect(receive)
    said = [(event.allowed, event.origin, event.key, event.reason) for event in events]
    assert said == [(True, "partner", "a.txt", "redirect of an unnamed user")] * 2


def test_a_decision_that_cannot_be_recorded_is_503() -> None:
    def receive(request: HttpRequest, **_: Any) -> None:
        request.META[UNRECORDED] = True
        raise OSError("the database is down")

    download_authorized.connect(receive)
    try:
        response: Any = RedirectMiddleware(lambda _: HttpResponseRedirect(URL))(RequestFactory().get("/"))
    finally:
        download_authorized.disconnect(receive)
    assert (response.status_code, response["Retry-After"], "Location" in response) == (503, "5", False)


def test_with_delivery_stream_or_debug_the_redirect_passes(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.XACCEL = {**SITE, "DELIVERY": "stream"}
    response = moved(RequestFactory().get("/"), **{"X-User": "ann"})
    assert (response.status_code, response["Location"], "X-User" in response) == (302, URL, False)
    settings.XACCEL, settings.DEBUG = SITE, True
    monkeypatch.setattr("xaccel.django.redirects.under_test", lambda: False)
    assert moved(RequestFactory().get("/")).status_code == 302
    token = nginx_token(SITE["SECRET"])  # type: ignore[arg-type]
    assert_hand_off(moved(RequestFactory().get("/", headers={TOKEN_HEADER: token})), key="a.txt")
