"""The reference: Django, on WSGI with send_file and on ASGI with asend_file."""

from __future__ import annotations

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from tests.adapters.apps.asked import decision, signed_in
from tests.adapters.apps.project import at_coroutines, configure
from xaccel import InputRefused

configure(__name__)

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
asgi = at_coroutines(_asgi)
