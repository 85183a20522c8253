"""Django REST framework or django-ninja, whichever is here: a first download, through Django's test client."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import django
from django.conf import settings
from django.test import Client
from django.urls import path

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
NINJA = find_spec("ninja") is not None
settings.configure(
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["xaccel.django", *([] if NINJA else ["rest_framework"])],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    XACCEL={"ORIGINS": {"partner": PARTNER}},
    USE_TZ=True,
)
django.setup()

from xaccel.django import send_file


def ninja() -> Any:
    from ninja import NinjaAPI

    api = NinjaAPI()
    api.get("/download")(lambda request: send_file(request, "a b.pdf", etag="v1"))
    return path("", api.urls)


def rest_framework() -> Any:
    from rest_framework.views import APIView

    from xaccel.django.rest_framework import DownloadNegotiation

    class Download(APIView):
        content_negotiation_class = DownloadNegotiation

        def get(self, request: Any) -> Any:
            return send_file(request, "a b.pdf", etag="v1")

    return path("download", Download.as_view())


urlpatterns = [ninja() if NINJA else rest_framework()]
answer = Client().get("/download", headers={"Accept": "application/pdf"})
assert (answer.status_code, answer.content) == (200, b"")
assert answer["X-Accel-Redirect"] == "/_xaccel/partner"
assert answer["Xaccel-Url"] == "http://192.0.2.1/a%20b.pdf"
assert Client().get("/download", headers={"If-None-Match": '"v1"'}).status_code == 304
