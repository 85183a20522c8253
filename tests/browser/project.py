"""A Django project as people have it: django-cors-headers, HSTS, request ids, sessions by cookie.

`GET /send?q={"key": …, "options": {…}}` calls send_file with just that; `/mine` does the same for whoever has been at
`/enter`. BROWSER_MIDDLEWARE=no leaves HandOffMiddleware out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["corsheaders", "xaccel.django"],
        MIDDLEWARE=[
            *(["xaccel.django.HandOffMiddleware"] if os.environ["BROWSER_MIDDLEWARE"] == "yes" else []),
            f"{__name__}.request_id",
            "django.middleware.security.SecurityMiddleware",
            "corsheaders.middleware.CorsMiddleware",
        ],
        CORS_ALLOWED_ORIGINS=[os.environ["BROWSER_ORIGIN"]],
        CORS_ALLOW_CREDENTIALS=True,
        CORS_EXPOSE_HEADERS=["Content-Disposition", "X-Request-Id"],
        SECURE_HSTS_SECONDS=3600,
        # NGINX says "http" here; taken for HTTPS, because Django sets HSTS on nothing else
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "http"),
        SECURE_REFERRER_POLICY="strict-origin",
        XACCEL=json.loads(Path(os.environ["BROWSER_SITE"]).read_text()),
        USE_TZ=True,
    )
    django.setup()

from xaccel.django import send_file


def request_id(get_response: Callable[[HttpRequest], HttpResponseBase]) -> object:
    """Middleware as many projects have it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers["X-Request-Id"] = os.environ["BROWSER_REQUEST_ID"]
        return response

    return middleware


def send(request: HttpRequest) -> HttpResponseBase:
    asked = json.loads(request.GET["q"])
    return send_file(request, asked["key"], **asked.get("options", {}))


def enter(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("welcome")
    response.set_cookie("who", "ann", httponly=True, samesite="Lax")
    return response


def mine(request: HttpRequest) -> HttpResponseBase:
    if request.COOKIES.get("who") != "ann":
        raise PermissionDenied
    return send(request)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>page</title><p>An ordinary page.")


urlpatterns = [path("send", send), path("mine", mine), path("enter", enter), path("page", page)]
application = get_wsgi_application()
