"""The app's half of the classic recipe: the storage's presigned URL as a path (its NGINX is benchmarks/classic.py)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document
from benchmarks.servers import classic


@own_document
def download(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Hand the URL of django-storages to NGINX."""
    response = HttpResponse(headers=classic.hand_off(document.file.url))
    response["Content-Disposition"] = f'attachment; filename="{document.name}"'
    return response
