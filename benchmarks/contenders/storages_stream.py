"""Django's FileResponse of a file of django-storages: Python reads the object and sends it."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document


@own_document
def download(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Stream."""
    return FileResponse(document.file.open(), as_attachment=True, filename=document.name)
