"""Receive a file that a user drops on the list of their files: NGINX sends it to the storage."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from portal.files.content_kind import type_of
from portal.files.models import File, shown_as_saved
from portal.files.removals import used_bytes
from portal.files.seeding import add_file
from xaccel.django import Upload, receive_file, received
from xaccel.features.archives.crc import number_of

MOST_BYTES = 1 << 30
"""Bytes of all files that one user may add."""


@require_http_methods(["PUT", "POST", "HEAD", "PATCH", "DELETE"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take a file, whose name and folder are in the address. It is its user's alone until somebody shares it."""
    if done := received(request):
        return JsonResponse({"file": str(File.objects.get(key=done.key).pk)}, status=201)
    user = request.user
    if not user.is_authenticated:
        return HttpResponse(status=401)
    name = re.sub(shown_as_saved.regex, "_", request.GET.get("name", ""))
    file = File(
        name=name, folder=request.GET.get("folder", ""), key="uploads/new", content_type=type_of(name)
    )
    try:
        file.clean_fields(exclude=("size",))
    except ValidationError:
        return HttpResponse(status=400)
    return receive_file(
        request,
        file.origin,
        max_size=MOST_BYTES,
        checksum="required",
        quota=lambda: MOST_BYTES - used_bytes(user),
        on_stored=make_file,
        context={"user": user.pk, "name": file.name, "folder": file.folder},
    )


def make_file(upload: Upload) -> None:
    """Make the row of a file that is stored, granted to its user, unless the user was deleted meanwhile."""
    user, name = User.objects.filter(pk=upload.context["user"]).first(), upload.context["name"]
    add_file(
        key=upload.key,
        name=name,
        size=upload.size,
        content_type=type_of(name),
        origin=upload.origin,
        folder=upload.context["folder"],
        crc32=number_of(upload.crc32),
        etag=upload.etag,
        users=[user.username] if user else [],
        granted_by=user,
    )
