"""The extra audit: the tables are made from the wheel's migrations, and a decision becomes a row."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import path

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
settings.configure(
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "xaccel.django",
        "xaccel.audit",
        "xaccel.audit.share_links",
    ],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "audit.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    XACCEL={"ORIGINS": {"partner": PARTNER}, "TRANSFER_LOG": str(Path("xaccel.log").resolve())},
)
django.setup()

from xaccel.audit.models import Transfer
from xaccel.django import send_file

LINE = {
    "v": 1, "origin": "partner", "subject": "42", "method": "GET", "protocol": "HTTP/1.1", "status": "200",
    "body_bytes": 5, "sent_length": "5", "completion": "OK", "range": "", "content_range": "", "etag": "",
    "last_modified": "", "framing": "length", "encoding": "", "size": "5", "origin_status": "200",
    "origin_seconds": "0.01", "cache": "", "why": "", "note": "", "seconds": 0.1, "ip": "192.0.2.2",
}  # fmt: skip


def download(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, "a.pdf", subject="42", size=5)


urlpatterns = [path("download", download)]
Path("audit.sqlite3").unlink(missing_ok=True)
call_command("migrate", verbosity=0)
call_command("makemigrations", "--check", "--dry-run", verbosity=0, stdout=StringIO())
transfer = Client().get("/download")["Xaccel-Id"]
assert Transfer.objects.get().outcome == "granted"

line = {**LINE, "id": transfer, "end": time.time()}
Path("xaccel.log").write_text(json.dumps(line) + "\n", encoding="utf-8")
call_command("xaccel", "ingest", "xaccel.log", stdout=StringIO())
assert Transfer.objects.get().outcome == "sent", Transfer.objects.get().outcome
