"""django-ninja, with send_file on WSGI and asend_file on ASGI."""

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

from ninja import NinjaAPI

from xaccel.django import adeny_download, asend_file, deny_download, send_file

METHODS = ["GET", "HEAD", "POST"]
api, aapi = NinjaAPI(), NinjaAPI(urls_namespace="coroutines")


@api.api_operation(METHODS, "/{name}")
def download(request: HttpRequest, name: str) -> HttpResponseBase:
    kind, arguments = decision(name)
    if kind == "deny":
        deny_download(signed_in(request, arguments), **arguments)
    return send_file(request, arguments.pop("key", None), **arguments)


@aapi.api_operation(METHODS, "/{name}")
async def adownload(request: HttpRequest, name: str) -> HttpResponseBase:
    kind, arguments = decision(name)
    if kind == "deny":
        await adeny_download(signed_in(request, arguments), **arguments)
    return await asend_file(request, arguments.pop("key", None), **arguments)


@api.exception_handler(InputRefused)
@aapi.exception_handler(InputRefused)
def refused(request: HttpRequest, error: InputRefused) -> HttpResponse:
    return HttpResponse(type(error).__name__, status=400, content_type="text/plain")


urlpatterns = [path("download/", api.urls), path("adownload/", aapi.urls)]
wsgi = get_wsgi_application()
asgi = at_coroutines(get_asgi_application())
