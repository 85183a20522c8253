"""Seal what NGINX shows the app when it requests an archive: which one, for whom, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import NamedTuple

from xaccel.errors import OptionRefused
from xaccel.handoff.objects import ObjectRef
from xaccel.site import Site
from xaccel.site.keys import unseal
from xaccel.site.rules import MAX_EXPIRES_S

Check = Callable[[str, ObjectRef], object]
"""From a subject and an object to whether the subject may have it."""

NO_LAYOUT = "0" * 32
"""The name of a layout that no app has: the doctor requests it. Its subject is a mark that the app keeps like one."""
LIFE_S = MAX_EXPIRES_S
"""Seconds: as long as the longest signature, for the slowest download."""


class Ticket(NamedTuple):
    """The permission for one archive. Sealed, it is useless without NGINX's token.

    layout: the key of its layout. check: the function that is asked again for each part, as
    `pkgutil.resolve_name` finds it; "" without one. ends: in seconds since 1970.
    """

    layout: str
    subject: str
    check: str
    ends: int


def name_of(check: Callable[..., object] | str | None, where: str = "check") -> str:
    """Return the name by which another process of the app finds a function. Raises OptionRefused if there is none."""
    if check is None:
        return ""
    name = check if isinstance(check, str) else f"{check.__module__}:{check.__qualname__}"
    try:
        found = resolve_name(name)
    except (ValueError, ImportError, AttributeError):
        found = None
    if found is None or (found is not check and not isinstance(check, str)):
        what = f"{name!r} is not a function of a module, and other processes of the app call it"
        raise OptionRefused(what, where=where, remedy="Pass a function at the top level of a module.")
    return name


def read_ticket(site: Site, text: str) -> Ticket | None:
    """Return a ticket; None if another site sealed it, if it was altered, or if it has ended."""
    ticket = unseal(site, Ticket, text)
    return ticket if ticket and ticket.ends > time.time() else None
