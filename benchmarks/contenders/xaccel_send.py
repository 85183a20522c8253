"""xaccel: `send_file`, from the bucket, from the bucket with a cache, and from the directory, with a grant too."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from benchmarks.contenders.models import Document
from benchmarks.contenders.permission import own_document
from xaccel.django import send_file


@own_document
def s3(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Send the object that the FileField names."""
    return send_file(request, document.file, origin="s3", as_attachment=True)


@own_document
def cached(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Send it through NGINX's cache."""
    return send_file(request, document.file, origin="cached", as_attachment=True, cache_version="1")


@own_document
def directory(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Send the file of the directory."""
    return send_file(request, document.copy, as_attachment=True)


@own_document
def granted(request: HttpRequest, document: Document) -> HttpResponseBase:
    """Send the file of the directory, and let NGINX remember it."""
    return send_file(request, document.copy, as_attachment=True, grant=300, grant_tags=[document.name])


@own_document
def folder(request: HttpRequest, document: Document, *, origin: str, below: str) -> HttpResponseBase:
    """Send a file of a folder, and let NGINX remember the permission for the folder."""
    key = f"{document.name}/"
    return send_file(request, key + below, origin=origin, grant=300, grant_folder=key)
