"""Decide whether the user may have the file, and hand it off."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from portal.files.models import File
from portal.files.remembered import remembered
from xaccel.django import deny_download, send_file


@require_safe
@login_required
def deliver(request: HttpRequest, pk: UUID, *, as_attachment: bool) -> HttpResponseBase:
    """Hand the file off. A missing file and a missing grant are both 404, so that an address reveals nothing.

    NGINX remembers for some seconds that a file is shown. A download is decided about at each request.
    """
    file = File.objects.visible_to(request.user).filter(pk=pk).first()
    if file is None:
        refuse(request, pk)
    opens = file.kind.opens and not as_attachment
    return send_file(
        request,
        file.key,
        origin=file.origin,
        filename=file.name,
        content_type=file.content_type,
        size=file.size,
        etag=file.sha256 or file.etag or None,
        as_attachment=not opens,
        **(remembered(file) if opens else {}),
    )


def refuse(request: HttpRequest, pk: UUID) -> NoReturn:
    """Record the refusal, and end the request with 404."""
    file = File.objects.filter(pk=pk).first()
    if file is None:
        deny_download(request, status=404, reason="no such file")
    deny_download(request, status=404, origin=file.origin, key=file.key, reason="no grant")
