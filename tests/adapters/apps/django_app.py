"""The reference: Django, on WSGI with send_file and on ASGI with asend_file."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tests.adapters.apps.asked import SITE, decision, signed_in
from xaccel import InputRefused

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        XACCEL=SITE,
        USE_TZ=True,
    )
    django.setup()

from xaccel.django import adeny_download, asend_file, deny_download, send_file


def download(request: HttpRequest, name: str) -> HttpResponseBase:
    kind, arguments = decision(name)
    if kind == "deny":
        deny_download(signed_in(request, arguments), **arguments)
    try:
        return send_file(request, arguments.pop("key", None), **arguments)
    except InputRefused as refused:
        return HttpResponse(type(refused).__name__, status=400, content_type="text/plain")


async def adownload(request: HttpRequest, name: str) -> HttpResponseBase:
    kind, arguments = decision(name)
    if kind == "deny":
        await adeny_download(signed_in(request, arguments), **arguments)
    try:
        return await asend_file(request, arguments.pop("key", None), **arguments)
    except InputRefused as refused:
        return HttpResponse(type(refused).__name__, status=400, content_type="text/plain")


urlpatterns = [path("download/<name>", download), path("adownload/<name>", adownload)]
wsgi = get_wsgi_application()
_asgi = get_asgi_application()


async def asgi(scope, receive, send):  # type: ignore[no-untyped-def]
    """The coroutine answers at the same address."""
    path = scope["path"].replace("/download/", "/adownload/")
    await _asgi({**scope, "path": path, "raw_path": path.encode()}, receive, send)
