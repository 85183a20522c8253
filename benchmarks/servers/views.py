"""One view, which answers in several ways."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from benchmarks.servers.app import KEY
from xaccel.django import send_file

CHANGED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class File(models.Model):
    """Never saved: its field leads from a name to the storage."""

    content = models.FileField()

    class Meta:
        app_label = "benchmarks"


class _User:
    """Who is logged in, without a query, so that a subject is made as in a real view."""

    is_authenticated = True
    pk = 42
    granted: ClassVar[frozenset[str]] = frozenset({KEY})


def answer(request: HttpRequest, way: str) -> HttpResponseBase:
    """Check a permission, then answer in the `way` that is asked for."""
    user = _User()
    request.user = user  # type: ignore[assignment]
    if KEY not in user.granted:
        return HttpResponse(status=403)
    file = File(content=KEY)
    if way == "empty":
        return HttpResponse(headers={"Content-Length": "0"})  # as CommonMiddleware adds it
    if way == "field":
        return send_file(request, file.content, as_attachment=True)
    if way == "owned":
        return send_file(
            request, KEY, origin="s3", etag="5d41402abc4b2a76b9719d911017c592", last_modified=CHANGED
        )
    if way == "named":
        return send_file(
            request,
            KEY,
            origin="s3",
            as_attachment=True,
            filename="Jahresbericht für 東京.pdf",
            content_type="application/pdf",
            size=1_234_567,
            headers={"X-Robots-Tag": "noindex"},
        )
    return send_file(request, KEY, origin=way, as_attachment=True)


def worker(request: HttpRequest, way: str) -> HttpResponseBase:
    """Answer as `answer` does and name the process: NGINX drops that header."""
    response = answer(request, way)
    response["X-Worker"] = str(os.getpid())
    return response


urlpatterns = [path("answer/<str:way>", answer), path("worker/<str:way>", worker)]
