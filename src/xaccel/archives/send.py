"""Hand an archive to NGINX: lay its members out, and make the object that stands for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple, Required

from xaccel.archives.layout import MAX_MEMBERS, Layout
from xaccel.archives.members import ZipMember
from xaccel.archives.store import Folder, Layouts
from xaccel.archives.ticket import LIFE_S, Check, Ticket, name_of, seal
from xaccel.errors import OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.options import ZipOptions
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.setting import problem
from xaccel.site.site import ARCHIVES

Members = Iterable[ZipMember] | Callable[[], Iterable[ZipMember]]


class ZipArguments(ZipOptions, total=False):
    """The keywords of `send_zip`: the name, the bounds, and the options.

    check: a function of a module, or its name such as "library.rules:may_read". It gets the subject and the `ObjectRef`
        of a member, and returns whether the subject may have it. It is called again for each member when NGINX requests
        it, in any process of the app, so that a revocation breaks an archive that is running. If it raises, the member
        is denied.
    max_members: 100,000 without it. A larger selection is refused, as one of more than `max_bytes`.
    """

    filename: Required[str]
    check: Check | str | None
    max_members: int
    max_bytes: int | None


class Archive(NamedTuple):
    """An archive to hand off. options: of the hand-off."""

    ref: ObjectRef
    options: dict[str, Any]
    layout: Layout


def require_archives(site: Site) -> None:
    """Raise ConfigError if NGINX cannot assemble archives for the site."""
    if site.archives is None:
        raise problem('XACCEL["ARCHIVES"]', "no_archives")


@lru_cache(maxsize=64)
def layouts_in_folder(site: Site) -> Layouts:
    """Return where the processes of an app keep layouts. Raises ConfigError if the site names no folder."""
    require_archives(site)
    if site.archives is None or not site.archives.layouts:
        raise problem('XACCEL["ARCHIVES"]["layouts"]', "no_layouts")
    return Layouts(Folder(site.archives.layouts), site.secrets)


def make_archive(sender: Sender, layouts: Layouts, members: Members, arguments: ZipArguments) -> Archive:
    """Lay the members out, each with an `ObjectRef`, keep the layout, and make the object of the hand-off.

    Raises ArchiveRefused, KeyRefused, OriginUnknown and OriginNotAllowed, OptionRefused for a `check` that other
    processes cannot find, and what a function raises that returns the members.
    """
    options: dict[str, Any] = {"concurrency": ARCHIVES, **arguments}
    name = name_of(options.pop("check", None))
    bounds = {
        "max_members": options.pop("max_members", MAX_MEMBERS),
        "max_bytes": options.pop("max_bytes", None),
    }
    layout = Layout.of(members() if callable(members) else members, **bounds)
    for member in layout:
        place = sender.places.locate(member.ref).place
        if place.is_signed_by_the_app or place.name == ARCHIVES:
            what = f"origin {place.name!r} has URLs that the app signs, which may have expired when NGINX needs them"
            remedy = "Select objects of other origins."
            raise OriginNotAllowed(what, where="members", remedy=remedy)
    tag = layouts.put(layout)  # before NGINX can ask for it
    ticket = seal(sender.site, Ticket(tag, options.get("subject") or "", name, int(time.time()) + LIFE_S))
    ref = ObjectRef(ARCHIVES, url=f"{sender.site.archive_host}/archive/{tag}?token={ticket}")
    content = {
        "content_type": "application/zip",
        "as_attachment": True,
        "etag": layout.etag,
        "size": layout.size,
    }
    return Archive(ref, options | content, layout)
