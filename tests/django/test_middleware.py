"""HandOffMiddleware: what other middleware and decorators set reaches the user, once.

tests/adapters/test_headers_of_others.py has the values that are passed and dropped, tests/adapters/test_middleware.py
more middleware behind NGINX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client, RequestFactory

from xaccel.django import HandOffMiddleware, send_file
from xaccel.django.conf import configuration
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_TOKEN_HEADER

OURS = "xaccel.django.HandOffMiddleware"
SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def through(**headers: str) -> HttpResponse:
    """A hand-off on which a middleware has set `headers`."""

    def get_response(request: HttpRequest) -> Any:
        response = send_file(request, "a.pdf", origin="documents")
        for name, value in headers.items():
            response[name.replace("_", "-")] = value
        return response

    return HandOffMiddleware(get_response)(RequestFactory().get("/"))  # type: ignore[return-value]


def test_declared_header_moves_into_the_hand_off() -> None:
    response = through(Referrer_Policy="same-origin")
    assert response["Xaccel-Header-Referrer-Policy"] == "same-origin"
    assert "Referrer-Policy" not in response


def test_undeclared_header_stays_for_nginx_to_drop() -> None:
    response = through(X_Frame_Options="DENY")
    assert response["X-Frame-Options"] == "DENY"
    assert not [name for name in response.headers if name.startswith("Xaccel-Header-")]


def test_never_cache_makes_the_download_no_store(client: Client) -> None:
    response = client.get("/never-cached/")
    assert "no-store" in response["Xaccel-Cache-Control"]
    assert not {"Cache-Control", "Expires"} & set(response.headers)


@pytest.mark.django_db
def test_changed_session_keeps_its_cookie(client: Client) -> None:
    response = client.get("/session/")
    assert response.cookies["sessionid"].value
    assert response["Xaccel-Header-Vary"] == "Cookie"
    assert "Vary" not in response


def test_cors_headers_move(settings: Any, client: Client) -> None:
    settings.MIDDLEWARE = [OURS, "corsheaders.middleware.CorsMiddleware"]
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    response = client.get("/key/", headers={"Origin": "https://app.example"})
    assert response["Xaccel-Header-Access-Control-Allow-Origin"] == "https://app.example"
    assert response["Xaccel-Header-Vary"] == "origin"
    assert "Access-Control-Allow-Origin" not in response
    assert "Xaccel-Header-Access-Control-Allow-Origin" not in client.get(
        "/key/", headers={"Origin": "https://x.example"}
    )


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("is_ask", [False, True])
def test_a_views_own_refusal_of_an_upload_is_one_that_nginx_can_read(
    site: Callable[..., None], is_async: bool, is_ask: bool
) -> None:
    site(UPLOADS={"app": "127.0.0.1:1", "paths": ["/upload/"], "origins": ["documents"]})
    refused = JsonResponse({"detail": "It is there already"}, status=409)

    async def aview(_: HttpRequest) -> HttpResponse:
        return refused

    token = nginx_token(configuration().site.secrets[0], UPLOAD_ASK) if is_ask else "forged"
    request = RequestFactory().put("/upload/a", headers={UPLOAD_TOKEN_HEADER: token})
    middleware: Any = HandOffMiddleware(aview if is_async else lambda _: refused)
    response = async_to_sync(middleware)(request) if is_async else middleware(request)
    if is_ask:
        assert (response.status_code, response["Xaccel-Status"], response.content) == (409, "409", b"")
        assert response["Xaccel-Message"] == "It is there already"
    else:
        assert response is refused


@pytest.mark.parametrize("path", ["/key/", "/akey/"])
def test_coroutines_pass_too(settings: Any, async_client: AsyncClient, path: str) -> None:
    settings.MIDDLEWARE = [OURS, "django.middleware.security.SecurityMiddleware"]
    response = async_to_sync(async_client.get)(path)
    assert response["Xaccel-Header-Referrer-Policy"] == "same-origin"


def test_conditional_get_and_gzip_leave_the_hand_off_alone(settings: Any, client: Client) -> None:
    settings.MIDDLEWARE = [
        OURS,
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        *SESSIONS,
    ]
    headers = {
        "Accept-Encoding": "gzip",
        "If-None-Match": "*",
        "If-Modified-Since": "Sun, 01 Mar 2099 12:00:00 GMT",
    }
    response = client.get("/key/", headers=headers)
    assert (response.status_code, response.content, response["Content-Length"]) == (200, b"", "0")
    assert response["X-Accel-Redirect"] == "/_xaccel/documents"
    assert not {"ETag", "Content-Encoding"} & set(response.headers)


@pytest.mark.parametrize(
    "redirect",
    ["/_xaccel/documents", "//_xaccel/documents", "/x/../_xaccel/", "/%5Fxaccel/disk/a", "/_xaccel?x"],
)
def test_other_responses_lose_private_headers(
    client: Client, caplog: pytest.LogCaptureFixture, redirect: str
) -> None:
    response = client.get("/forged/", {"to": redirect})
    assert not {"X-Accel-Redirect", "Xaccel-Url"} & set(response.headers)
    assert (response.content, response["X-Other"]) == (b"page", "stays")
    assert "Xaccel-Url was removed" in caplog.text


def test_internal_locations_of_others_are_their_own_affair(client: Client) -> None:
    response = client.get("/forged/", {"to": "/protected/x"})
    assert response["X-Accel-Redirect"] == "/protected/x"
    assert "Xaccel-Url" not in response


def test_wrong_settings_do_not_break_other_answers(settings: Any, client: Client) -> None:
    settings.XACCEL = {"ORIGINS": 7}
    assert client.get("/deny/404/").status_code == 404
