"""A redirect to the presigned URL that django-storages makes: the client asks the storage itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document


@own_document
def download(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Redirect."""
    return HttpResponseRedirect(document.file.url)
