"""Views of the audit's tests."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path

from xaccel.django import deny_download, send_file


def send(request: HttpRequest) -> HttpResponseBase:
    return send_file(
        request,
        request.GET["key"],
        origin="partner",
        subject=request.GET.get("subject", ""),
        identity=request.GET.get("identity"),
        etag=request.GET.get("etag"),
    )


def deny(request: HttpRequest) -> HttpResponseBase:
    deny_download(request, origin="partner", key=request.GET["key"], reason="no grant")


urlpatterns = [path("send", send), path("deny", deny)]
