"""The app of the live tests of uploads: a Django project in one file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import Context, Engine
from django.urls import path
from django.utils.encoding import escape_uri_path

FOLDER = Path(os.environ["UPLOADS_FOLDER"])

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        INSTALLED_APPS=["xaccel.django", "xaccel.audit", "xaccel.django.uploads"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(FOLDER / "trail.sqlite3"),
                "OPTIONS": {"timeout": 60},
            }
        },
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        MIDDLEWARE=["xaccel.django.HandOffMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        XACCEL=json.loads((FOLDER / "site.json").read_text()),
    )
    django.setup()

from tests.pages import FENCE, ROOT, text  # noqa: E402
from xaccel.django import deny_download, send_file  # noqa: E402
from xaccel.django.uploads.forms import upload_form  # noqa: E402
from xaccel.django.uploads.models import State, Upload  # noqa: E402
from xaccel.django.uploads.receive import receive_file, received  # noqa: E402


def note(upload: Upload) -> None:
    """Make the app's own row: a line in a file."""
    if (FOLDER / "fails").exists():
        raise OSError("the app fails")
    if upload.context["name"] == "deleted":
        raise LookupError("the folder was deleted meanwhile")
    with (FOLDER / "told.jsonl").open("a") as file:
        row = {"id": str(upload.pk), "key": upload.key, "size": upload.size, "crc32": upload.crc32}
        file.write(json.dumps(row) + "\n")


def upload(request: HttpRequest, name: str) -> HttpResponse:
    if (FOLDER / "down").exists():
        raise OSError("the app is down")
    if done := received(request):
        return JsonResponse({"id": str(done.pk), "key": done.key, "etag": done.etag}, status=201)
    subject, origin = request.headers.get("X-User", "alice"), request.GET.get("origin", "documents")
    if subject == "mallory":
        deny_download(request, subject=subject)
    if "key" in request.GET:
        return send_file(request, request.GET["key"], origin=origin)
    quota = int(request.GET["quota"]) if "quota" in request.GET else None
    return receive_file(
        request,
        origin,
        max_size="20g",
        subject=subject,
        on_stored=note,
        context={"name": name},
        quota=None if quota is None else lambda: quota - stored_bytes(subject),
    )


def stored_bytes(subject: str) -> int:
    return sum(Upload.objects.filter(subject=subject, state=State.STORED).values_list("size", flat=True))


def form(request: HttpRequest, name: str) -> HttpResponse:
    made = upload_form(
        request,
        "documents",
        action=f"{escape_uri_path(f'/files/{name}')}{request.GET.get('more', '')}",
        subject=request.headers.get("X-User", "alice"),
        max_size=request.GET.get("max", "20m"),
        content_type="application/pdf",
    )
    how_to = FENCE.findall(text(ROOT / "docs/integrate/upload-browser.md"))
    [page] = [code for kind, code in how_to if kind == "html" and code.startswith("<form")]
    return HttpResponse(Engine().from_string(f"<!doctype html>{page}").render(Context({"form": made})))


def token(request: HttpRequest) -> HttpResponse:
    from django.middleware.csrf import get_token

    return HttpResponse(get_token(request))


def pid(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(os.getpid()))


urlpatterns = [
    path("files/token", token),
    path("files/pid", pid),
    path("files/<name>/form", form),
    path("files/atomic", transaction.atomic(upload), {"name": "atomic"}),
    path("files/<name>", upload),
]
application = get_wsgi_application()
