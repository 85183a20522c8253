"""The extra metrics: the counters are there, and count."""

from __future__ import annotations

import django
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import path
from prometheus_client import REGISTRY

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
settings.configure(
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "xaccel.django", "xaccel.audit"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "audit.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    XACCEL={"ORIGINS": {"partner": PARTNER}},
    XACCEL_AUDIT={"METRICS": True},
)
django.setup()

from xaccel.django import send_file


def download(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, "a.pdf")


urlpatterns = [path("download", download)]
assert Client().get("/download").status_code == 200
labels = {"origin": "partner", "decision": "allowed"}
assert REGISTRY.get_sample_value("xaccel_decisions_total", labels) == 1.0
