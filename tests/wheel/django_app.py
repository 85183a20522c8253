"""Django: a first download, through Django's own test clients."""

from __future__ import annotations

import asyncio
from contextlib import redirect_stdout
from io import StringIO

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client
from django.urls import path

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
settings.configure(
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "xaccel.django"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    XACCEL={"ORIGINS": {"partner": PARTNER}},
)
django.setup()

from xaccel.django import asend_file, send_file


def download(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, "a b.pdf", filename="été.pdf", as_attachment=True, etag="v1")


async def adownload(request: HttpRequest) -> HttpResponseBase:
    return await asend_file(request, "a b.pdf", filename="été.pdf", as_attachment=True, etag="v1")


urlpatterns = [path("download", download), path("adownload", adownload)]


async def asked() -> HttpResponse:
    return await AsyncClient().get("/adownload")


for answer in (Client().get("/download"), asyncio.run(asked())):
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == "/_xaccel/partner"
    assert answer["Xaccel-Url"] == "http://192.0.2.1/a%20b.pdf"
    assert answer["Xaccel-Disposition"].startswith("attachment;")
assert Client().get("/download", headers={"If-None-Match": '"v1"'}).status_code == 304

call_command("check", fail_level="WARNING", stdout=StringIO())
with redirect_stdout(StringIO()) as printed:
    call_command("xaccel", "config", "--nginx-version", "1.26.3", "--module", "njs")
assert "location = /_xaccel/partner {" in printed.getvalue()
