"""Hand a ZIP archive of many files to NGINX, and respond to NGINX when it assembles one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Unpack

from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from xaccel.archives.assemble import HEADERS, Asked, respond
from xaccel.archives.layout import MAX_MEMBERS
from xaccel.archives.members import ZipMember
from xaccel.archives.send import Members, archive_ref, layout_of, options_of
from xaccel.archives.store import Cache, Folder, Layouts
from xaccel.archives.ticket import Check
from xaccel.django.conf import Configuration, configuration
from xaccel.django.decisions import send_decision, subject_of
from xaccel.django.send_file import send_ref
from xaccel.handoff.objects import ObjectRef
from xaccel.options import ZipOptions
from xaccel.site import Site
from xaccel.site.setting import problem


def send_zip(
    request: HttpRequest,
    members: Members,
    *,
    filename: str,
    check: Check | str | None = None,
    max_members: int = MAX_MEMBERS,
    max_bytes: int | None = None,
    **options: Unpack[ZipOptions],
) -> HttpResponseBase:
    """Return the response that makes NGINX send a ZIP archive of many files. Check the permissions before you call it.

    The archive is stored nowhere: NGINX fetches the members while it sends them. Its length is known before the first
    byte, and downloads can be resumed. Each `ZipMember` needs a size, a CRC-32 and an entity tag; its file is the value
    of a FileField, or an `ObjectRef`. `members` may be a function that returns them. For example:

        def download(request, pk):
            folder = get_object_or_404(Folder, pk=pk, owner=request.user)
            members = (ZipMember(d.file, crc32=d.crc32, size=d.size, etag=d.etag) for d in folder.documents.all())
            return send_zip(request, members, filename="folder.zip", check=may_read)

    check: a function of a module, or its name such as "library.rules:may_read". It gets the subject and the
        `ObjectRef` of a member, and returns whether the subject may have it. It is called again for each member when
        NGINX requests it, in any process of the app, so that a revocation breaks an archive that is running. If it
        raises, the member is denied.
    max_members, max_bytes: a larger selection is refused.
    options: some of those of `send_file`. The class of `concurrency` is "archives" by default.

    Raises ArchiveRefused, with the names of the members, what `send_file` raises, and ConfigError without the setting
    `ARCHIVES`.
    """
    conf, given = configuration(), dict[str, Any](options)
    if conf.delivery == "stream":
        raise problem('XACCEL["DELIVERY"]', "stream_of_archives")
    if "subject" not in given:
        given["subject"] = subject_of(getattr(request, "user", None))
    found = partial(_found, conf, members)
    layout = layout_of(conf.sender, found, max_members=max_members, max_bytes=max_bytes)
    tag = _layouts(conf.site).put(layout)  # before NGINX can ask for it
    ref = archive_ref(conf.site, tag, subject=given["subject"] or "", check=check)
    return send_ref(request, ref, options_of(layout, filename, given))


async def asend_zip(request: HttpRequest, members: Members, **arguments: Any) -> HttpResponseBase:
    """Like `send_zip`, for a coroutine. It runs in a thread, where `members` may query the database."""
    response: HttpResponseBase = await sync_to_async(send_zip)(request, members, **arguments)
    return response


@lru_cache(maxsize=1)
def _layouts(site: Site) -> Layouts:
    folder = site.archives.layouts if site.archives else ""
    return Layouts(Folder(folder) if folder else Cache(caches["default"]), site.secrets)


def _found(conf: Configuration, members: Members) -> Iterator[ZipMember]:
    """Yield the members with the objects of their files."""
    for one in members() if callable(members) else members:
        if isinstance(one.file, ObjectRef):
            yield one
        else:
            yield replace(one, file=conf.objects.find(one.file, origin=None))


def assemble(request: HttpRequest) -> HttpResponse:
    """Respond to NGINX, which assembles an archive."""
    conf = configuration()
    asked = Asked(*(request.headers.get(name, "") for name in HEADERS))
    answer = respond(
        conf.sender, _layouts(conf.site), request.method or "", asked, partial(send_decision, request)
    )
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
