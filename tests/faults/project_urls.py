"""Views of the app of the topology."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from xaccel.django import deny_download, send_file


def send(request: HttpRequest, origin: str, key: str) -> HttpResponseBase:
    rate = request.GET.get("rate")
    version = "v1" if origin == "cached" else None
    return send_file(
        request,
        key,
        origin=origin,
        subject=request.GET.get("subject", "7"),
        cache_version=version,
        limit_rate=int(rate) if rate else None,
    )


def deny(request: HttpRequest, key: str) -> None:
    deny_download(request, origin="store", key=key, reason="no grant")


urlpatterns = [path("denied/<path:key>", deny), path("<str:origin>/<path:key>", send)]
