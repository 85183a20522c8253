"""django-sendfile2, with files of a directory behind NGINX."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_sendfile import sendfile

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document


@own_document
def download(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Hand the file's path over."""
    response: HttpResponseBase = sendfile(request, document.copy.path, attachment=True)
    return response
