"""Views as a project would write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tests.django.library.models import Document
from xaccel.django import DownloadView, asend_file, deny_download, send_file

CHANGED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def key(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, request.GET.get("key", "a/report.pdf"), origin="documents")


async def akey(request: HttpRequest) -> HttpResponseBase:
    return await asend_file(request, request.GET.get("key", "a/report.pdf"), origin="documents")


def own_key(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, f"{request.user.pk}.pdf", origin="documents")


def with_session(request: HttpRequest) -> HttpResponseBase:
    request.session["seen"] = "yes"
    return send_file(request, "a.pdf", origin="documents")


def with_validators(request: HttpRequest) -> HttpResponseBase:
    return send_file(request, "a.pdf", origin="documents", etag="v1", last_modified=CHANGED_AT)


async def awith_validators(request: HttpRequest) -> HttpResponseBase:
    return await asend_file(request, "a.pdf", origin="documents", etag="v1", last_modified=CHANGED_AT)


def deny(request: HttpRequest, status: Any) -> HttpResponseBase:
    deny_download(request, status=status, origin="documents", key="secret.pdf", reason="embargo")


def forged(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        "page", headers={"X-Accel-Redirect": request.GET["to"], "Xaccel-Url": "http://x/", "X-Other": "stays"}
    )


class OwnDocument(DownloadView):
    model = Document

    def has_permission(self) -> bool:
        return self.object.owner_id == self.request.user.pk


class OwnScan(OwnDocument):
    file_field = "scan"

    def get_filename(self) -> str:
        return f"Scan {self.object.pk}.tiff"


class DocumentOfMembers(LoginRequiredMixin, DownloadView):
    model = Document

    def has_permission(self) -> bool:
        return True


class NoRule(DownloadView):
    model = Document


class ForgottenAwait(DownloadView):
    model = Document

    async def has_permission(self) -> bool:
        return False
