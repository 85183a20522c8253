"""Seal what NGINX shows the app when it requests an archive: which one, for whom, and until when."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pkgutil import resolve_name
from typing import NamedTuple

from xaccel.errors import OptionRefused
from xaccel.handoff.objects import ObjectRef
from xaccel.site import Site
from xaccel.site.rules import MAX_EXPIRES_S
from xaccel.site.site import nginx_token

Check = Callable[[str, ObjectRef], object]
"""From a subject and an object to whether the subject may have it."""

LIFE_S = MAX_EXPIRES_S
"""Seconds: as long as the longest signature, for the slowest download."""


class Ticket(NamedTuple):
    """The permission for one archive.

    layout: the key of its layout. check: the function that is asked again for each part, as
    `pkgutil.resolve_name` finds it; "" without one. ends: in seconds since 1970.
    """

    layout: str
    subject: str
    check: str
    ends: int


def name_of(check: Check | str | None) -> str:
    """Return the name by which another process of the app finds a function. Raises OptionRefused if there is none."""
    if check is None:
        return ""
    name = check if isinstance(check, str) else f"{check.__module__}:{check.__qualname__}"
    try:
        found = resolve_name(name)
    except (ValueError, ImportError, AttributeError):
        found = None
    if found is None or (found is not check and not isinstance(check, str)):
        what = f"{name!r} is not a function of a module, and other processes of the app ask it again"
        raise OptionRefused(what, where="check", remedy="Pass a function at the top level of a module.")
    return name


def seal(site: Site, ticket: Ticket) -> str:
    """Return a ticket as text for a URL. Only the site can make it, and it is useless without NGINX's token."""
    body = _text(json.dumps(ticket).encode())
    return f"{body}.{_mac(site, site.secrets[0], body)}"


def unseal(site: Site, text: str) -> Ticket | None:
    """Return what `seal` was given; None if another site sealed it, if it was altered, or if it has ended."""
    body, _, mac = text.partition(".")
    given = mac.encode("utf-8", "replace")
    if not any(hmac.compare_digest(_mac(site, secret, body).encode(), given) for secret in site.secrets):
        return None
    ticket = Ticket(*json.loads(urlsafe_b64decode(f"{body}==")))
    return ticket if ticket.ends > time.time() else None


def _mac(site: Site, secret: str, body: str) -> str:
    text = f"xaccel archive\n{site.name}\n{nginx_token(secret)}\n{body}"
    return _text(hmac.digest(secret.encode(), text.encode("utf-8", "replace"), "sha256"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
