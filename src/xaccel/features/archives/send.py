"""Hand an archive to NGINX: lay its members out, and make the object that stands for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, Required

from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.features.archives.kept import Folder, Layouts
from xaccel.features.archives.layout import Layout
from xaccel.features.archives.members import ZipMember, key_of, select
from xaccel.features.archives.ticket import LIFE_S, Check, Ticket, name_of
from xaccel.handoff.objects import ObjectRef
from xaccel.options import ZipOptions
from xaccel.sender import Sender
from xaccel.site.keys import seal
from xaccel.site.protocol import ARCHIVES
from xaccel.site.setting import problem
from xaccel.site.site import Site

_BOUNDS: tuple[str, ...] = ("max_members", "max_bytes")

Members = Iterable[ZipMember] | Callable[[], Iterable[ZipMember]]


class ZipArguments(ZipOptions, total=False):
    """The keywords of `send_zip`: the name, the bounds, and the options.

    check: a function of a module, or its name such as "library.rules:may_read". It gets the subject and the `ObjectRef`
        of a member, and returns whether the subject may have it. It is called again for each member when NGINX requests
        it, in any process of the app, so that a revocation breaks an archive that is running. If it raises, the member
        is denied.
    version: the app's version of the selection, such as f"{folder.pk} {folder.changed_at}", for large selections. While
        xaccel keeps the layout of this version, for this subject, it does not read `members`. Let the version change
        with each change of the selection. It needs `check`, which says whether the user may still have a member.
    max_members: 100,000 without it. A larger selection is refused, as one of more than `max_bytes`.
    """

    filename: Required[str]
    check: Check | str | None
    version: str | None
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
    """Make the object of the hand-off, and lay its members out, each with an `ObjectRef`, unless the layout is kept.

    Raises ArchiveRefused, KeyRefused, OriginUnknown and OriginNotAllowed, OptionRefused for a `check` that other
    processes cannot find or a `version` without it, and what a function raises that returns the members.
    """
    options: dict[str, Any] = {"concurrency": ARCHIVES, **arguments}
    subject, check = options.get("subject") or "", name_of(options.pop("check", None))
    version = options.pop("version", None)
    bounds = {name: options.pop(name) for name in _BOUNDS if name in options}

    def selected() -> list[ZipMember]:
        return select(members() if callable(members) else members, **bounds)

    chosen = selected() if version is None else None
    key = key_of(chosen) if chosen else _key_of_version(sender.site.name, version, subject, check, bounds)
    layout = layouts.renew(key)
    if layout is None:
        layout = _lay_out(sender, chosen or selected())
        layouts.keep(key, layout)  # before NGINX can ask for it
    ticket = seal(sender.site, Ticket(key, subject, check, int(time.time()) + LIFE_S))
    tag = layout.etag.strip('"')
    ref = ObjectRef(ARCHIVES, url=f"{sender.site.archive_host}/archive/{tag}?token={ticket}")
    content = {
        "content_type": "application/zip",
        "as_attachment": True,
        "etag": layout.etag,
        "size": layout.size,
    }
    return Archive(ref, options | content, layout)


def _key_of_version(site: str, version: str | None, subject: str, check: str, bounds: dict[str, Any]) -> str:
    """Return the key of a layout that another user, site or rule does not find."""
    if not (subject and check):
        what = "the members are not read again, so the permission of the user must be asked for each"
        raise OptionRefused(what, where="version", remedy="Pass check= and subject=, or leave version out.")
    return sha256(json.dumps([site, version, subject, check, bounds]).encode()).hexdigest()


def _lay_out(sender: Sender, chosen: Sequence[ZipMember]) -> Layout:
    """Lay out members that NGINX can fetch later."""
    layout = Layout.of(chosen)
    for member in chosen:
        place = sender.places.locate(member.ref).place
        if place.is_signed_by_the_app or place.name == ARCHIVES:
            what = f"origin {place.name!r} has URLs that the app signs, which may have expired when NGINX needs them"
            remedy = "Select objects of other origins."
            raise OriginNotAllowed(what, where="members", remedy=remedy)
    return layout
