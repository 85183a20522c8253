"""The app of the live tests: a Django app in one file that hands off what the test asks for.

`GET /send?q={"origin": …, "key": …, "options": {…}}` calls send_file with just that. `drop` and `put` change the
answer's headers afterwards, as a broken or a foreign backend would.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django"],
        XACCEL=json.loads(Path(os.environ["LIVE_SITE"]).read_text()),
        USE_TZ=True,
        **{
            "ALLOWED_HOSTS": ["*"],
            "DEBUG": "LIVE_DEBUG" in os.environ,
            "MIDDLEWARE": ["xaccel.django.HandOffMiddleware"],
            **json.loads(os.environ.get("LIVE_SETTINGS", "{}")),
        },
    )
    django.setup()

from xaccel.django import send_file


def send(request: HttpRequest) -> HttpResponseBase:
    # gunicorn closes the connection if the view has not read the body. NGINX may then respond 502.
    request.read()
    asked = json.loads(request.GET["q"])
    if asked.get("session") != request.COOKIES.get("session") and "session" in asked:
        return HttpResponse("not for you", status=403)
    options = asked.get("options", {})
    if "last_modified" in options:
        options["last_modified"] = datetime.fromisoformat(options["last_modified"])
    response = send_file(
        request,
        asked.get("key"),
        origin=asked.get("origin"),
        bucket=asked.get("bucket"),
        url=asked.get("url"),
        **options,
    )
    for name in asked.get("drop", []):
        del response.headers[name]
    for name, value in asked.get("put", {}).items():
        response.headers[name] = value
    if "cookie" in asked:
        response.set_cookie("fresh", asked["cookie"])
    return response


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("an ordinary page")


def refuse(request: HttpRequest, **_: str) -> HttpResponse:
    """A view of uploads that takes none."""
    request.read()
    return HttpResponse("not for you", status=403)


urlpatterns = [
    path("received/<name>", refuse),
    path("send", send),
    path("a/b/nginx.conf", send),
    path("page", page),
]
application = get_wsgi_application()
