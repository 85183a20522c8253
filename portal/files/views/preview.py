"""The pages about one file: its preview, and the start of its download."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.files.models import File
from portal.files.remembered import remembered
from portal.files.views.delivery import refuse


@require_safe
@login_required
@never_cache
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the file with a way back. A file that no browser shows safely is downloaded."""
    file = _file(request, pk)
    if not file.kind.opens:
        return redirect("begun", pk)
    remembered_s = remembered(file).get("grant")
    return render(request, "files/preview.html", {"file": file, "remembered_s": remembered_s})


@require_safe
@login_required
@never_cache
def begun(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Start the download from a page that says so."""
    return render(request, "files/begun.html", {"file": _file(request, pk)})


def _file(request: HttpRequest, pk: UUID) -> File:
    file = File.objects.visible_to(request.user).filter(pk=pk).first()
    if file is None:
        refuse(request, pk)
    return file
