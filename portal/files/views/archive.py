"""Hand selected files off as one ZIP archive."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal.files.models import File
from portal.files.views.delivery import refuse
from xaccel import ObjectRef, ZipMember
from xaccel.django import send_zip


def may_have(subject: str, ref: ObjectRef) -> bool:
    """Tell whether a user has a grant. It is asked again for each file while NGINX sends an archive."""
    user = User.objects.filter(pk=subject).first()
    files = File.objects.filter(origin=ref.origin, key=ref.key)
    return user is not None and files.visible_to(user).exists()


@require_safe
@login_required
def archive(request: HttpRequest) -> HttpResponseBase:
    """Hand the files off. As for one file, a missing grant and a missing file are both 404."""
    folder = request.GET.get("folder", "")
    try:
        asked = {UUID(text) for text in request.GET.getlist("file")}
    except ValueError as error:
        raise Http404 from error
    if not asked:
        query = {"selected": "none", **({"folder": folder} if folder else {})}
        return redirect(f"{reverse('files')}?{urlencode(query)}")
    files = File.objects.visible_to(request.user).with_checksum().filter(pk__in=asked)
    for pk in asked - {file.pk for file in files}:
        refuse(request, pk)
    members = [
        ZipMember(
            ObjectRef(file.origin, file.key),
            name=f"{file.folder}/{file.name}" if file.folder else file.name,
            size=file.size,
            crc32=file.crc32,
            etag=file.etag,
            modified=file.created_at,
        )
        for file in files
    ]
    return send_zip(request, members, filename=f"{folder or 'Files'}.zip", check=may_have)
