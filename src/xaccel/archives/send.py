"""Hand an archive to NGINX: lay its members out, and make the object that stands for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from xaccel.archives.layout import Layout
from xaccel.archives.members import ZipMember
from xaccel.archives.ticket import LIFE_S, Check, Ticket, name_of, seal
from xaccel.errors import OriginNotAllowed
from xaccel.handoff.objects import ObjectRef
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.setting import problem
from xaccel.site.site import ARCHIVES

Members = Iterable[ZipMember] | Callable[[], Iterable[ZipMember]]


def require_archives(site: Site) -> None:
    """Raise ConfigError if NGINX cannot assemble archives for the site."""
    if site.archives is None:
        raise problem('XACCEL["ARCHIVES"]', "no_archives")


def layout_of(sender: Sender, members: Members, *, max_members: int, max_bytes: int | None) -> Layout:
    """Lay the members out, each with an `ObjectRef`.

    Raises ArchiveRefused, KeyRefused, OriginUnknown and OriginNotAllowed, and what a function raises that returns the
    members.
    """
    require_archives(sender.site)
    chosen = members() if callable(members) else members
    layout = Layout.of(chosen, max_members=max_members, max_bytes=max_bytes)
    for member in layout:
        place = sender.places.locate(member.ref).place
        if place.is_signed_by_the_app or place.name == ARCHIVES:
            what = f"origin {place.name!r} has URLs that the app signs, which may have expired when NGINX needs them"
            remedy = "Select objects of other origins."
            raise OriginNotAllowed(what, where="members", remedy=remedy)
    return layout


def archive_ref(site: Site, tag: str, *, subject: str, check: Check | str | None) -> ObjectRef:
    """Return the object that stands for an archive: a URL of the assembler, with a ticket for a subject.

    tag: of the layout, as `Layouts.put` returns it. Raises OptionRefused for a `check` that cannot be found again.
    """
    ticket = Ticket(tag, subject, name_of(check), int(time.time()) + LIFE_S)
    return ObjectRef(ARCHIVES, url=f"{site.archive_host}/archive/{tag}?token={seal(site, ticket)}")


def options_of(layout: Layout, filename: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the hand-off of an archive."""
    return {
        "content_type": "application/zip",
        "as_attachment": True,
        "concurrency": ARCHIVES,
        **given,
        "filename": filename,
        "etag": layout.etag,
        "size": layout.size,
    }
