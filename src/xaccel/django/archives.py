"""Hand a ZIP archive of many files to NGINX, and respond to NGINX when it assembles one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Unpack

from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from xaccel.django.conf import configuration, debug_is_on, under_test
from xaccel.django.decisions import subject_of
from xaccel.django.send_file import send_archive
from xaccel.django.zip_members import filled
from xaccel.errors import ArchiveRefused
from xaccel.events import logger
from xaccel.features.archives.kept import Cache, Folder, Layouts
from xaccel.features.archives.members import ZipMember
from xaccel.features.archives.send import Members, ZipArguments, make_archive, require_archives
from xaccel.site import Site
from xaccel.site.setting import problem


def send_zip(request: HttpRequest, members: Members, **arguments: Unpack[ZipArguments]) -> HttpResponseBase:
    """Return the response that makes NGINX send a ZIP archive of many files. Check the permissions before you call it.

    The archive is stored nowhere: NGINX fetches the members while it sends them. Its length is known before the first
    byte, and downloads can be resumed. The file of a `ZipMember` is the value of a FileField, whose row may have size,
    CRC-32 and entity tag, or an `ObjectRef`. `members` may be a function that returns them. For example:

        def download(request, pk):
            folder = get_object_or_404(Folder, pk=pk, owner=request.user)
            members = (ZipMember(document.file) for document in folder.documents.all())
            return send_zip(request, members, filename="folder.zip", check=may_read)

    The class of `concurrency` is "archives" by default. Raises ArchiveRefused, with the names of the members, what
    `send_file` raises, and ConfigError without the setting `ARCHIVES`.
    """
    conf = configuration()
    require_archives(conf.site)
    if conf.delivery == "stream":
        raise problem('XACCEL["DELIVERY"]', "stream_of_archives")
    if "subject" not in arguments:
        arguments["subject"] = subject_of(getattr(request, "user", None))

    def found() -> Iterator[ZipMember]:
        for member in members() if callable(members) else members:
            yield filled(member, conf.objects)

    try:
        archive = make_archive(conf.sender, layouts_of(conf.site), found, arguments)
    except ArchiveRefused as refused:
        # without DEBUG, Django prints no exception of a view
        logger.error("an archive was refused: %s", refused)
        raise
    return send_archive(request, archive)


async def asend_zip(
    request: HttpRequest, members: Members, **arguments: Unpack[ZipArguments]
) -> HttpResponseBase:
    """Like `send_zip`, for an async view. It runs in a thread, where `members` may query the database."""
    response: HttpResponseBase = await sync_to_async(send_zip)(request, members, **arguments)
    return response


@lru_cache(maxsize=1)
def layouts_of(site: Site) -> Layouts:
    """Return where the processes of the app keep layouts. Raises as `cache_of` does."""
    return Layouts(cache_of(site), site.secrets)


def cache_of(site: Site) -> Cache:
    """Return where the layouts are. Raises ConfigError for a cache that other processes of the app do not see."""
    if site.archives and site.archives.layouts:
        return Folder(site.archives.layouts)
    cache = caches["default"]
    is_alone = isinstance(cache, LocMemCache) and not (debug_is_on() or under_test())
    if is_alone or isinstance(cache, DummyCache):
        raise problem('CACHES["default"]', "cache_of_one_process", kind=type(cache).__name__)
    return cache
