"""Respond to NGINX, which assembles an archive: with the template of the archive, or of a range of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pkgutil import resolve_name

from xaccel.events import DownloadEvent, denied, logger
from xaccel.features.archives import template
from xaccel.features.archives.kept import Layouts
from xaccel.features.archives.layout import LaidOut, Layout
from xaccel.features.archives.ticket import NO_LAYOUT, Check, Ticket, read_ticket
from xaccel.handoff.headers import Answer, plain_response
from xaccel.sender import Sender
from xaccel.signing.signer import transfer_s
from xaccel.site.keys import is_from_nginx
from xaccel.site.origins import LocalOrigin
from xaccel.site.protocol import ARCHIVES, TICKET_HEADER, TOKEN_HEADER

SLOWEST_RATE = 64 << 10
"""Bytes a second: a signature is valid until a client of this speed has all that is before its member in the part."""

_RANGE = re.compile(r"bytes=(?=-?[0-9])([0-9]*)-([0-9]*)")


def respond(
    sender: Sender,
    layouts: Layouts,
    method: str,
    headers: Mapping[str, str],
    record: Callable[[DownloadEvent], object],
) -> Answer:
    """Return the response to the assembler. record: reports a member that is denied now.

    headers: of its request, by names in lower case.
    404: it is not NGINX. 403: the ticket is not valid, or a member of the range is denied. 410: the layout is lost.
    409: a mark of the doctor is kept already, perhaps by another process of the app.
    """
    if not is_from_nginx(sender.site, headers.get(TOKEN_HEADER.lower(), "")):
        return plain_response(404, method)
    ticket = read_ticket(sender.site, headers.get(TICKET_HEADER.lower(), ""))
    if ticket is None:
        return plain_response(403, method)
    layout = layouts.get(ticket.layout)
    if layout is None:
        return plain_response(_without_layout(layouts, ticket), method)
    size = layout.size
    span = _span(headers.get("range", ""), size)
    if span is None:
        return Answer(416, (("Content-Range", f"bytes */{size}"), ("Content-Length", "0")))
    first, end, is_part = span
    about = [("Content-Type", template.TYPE), ("Archive-Length", str(end - first))]
    if is_part:
        about.append(("Content-Range", f"bytes {first}-{end - 1}/{size}"))
    # NGINX's SSI ignores a template of length 0
    body, length = b"", end - first
    if method != "HEAD":
        found = template.touched(layout, first, end)
        if not found and (member := _first_denied(layout, first, end, ticket)) is not None:
            record(denied(method, subject=ticket.subject, **member))
            return plain_response(403, method)
        if found:
            body = template.of_parts(layout, found)
        else:
            body = template.of_members(layout, first, end, _source(sender, first))
        length = len(body)
    return Answer(206 if is_part else 200, (*about, ("Content-Length", str(length))), body)


def _without_layout(layouts: Layouts, ticket: Ticket) -> int:
    """Return the status for a layout that is not there: lost, or the one that the doctor requests."""
    if ticket.layout != NO_LAYOUT:
        logger.warning("the layout of an archive is lost: the client must request the archive again")
    elif ticket.subject and layouts.has_mark(ticket.subject):
        return HTTPStatus.CONFLICT
    return HTTPStatus.GONE


def _span(text: str, size: int) -> tuple[int, int, bool] | None:
    """Return the first byte of a range, the one behind it, and whether it is one; None if there are no such bytes.

    An invalid range means the whole archive (RFC 9110 section 14.2).
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return 0, size, False
    first, end = int(found[1] or max(0, size - int(found[2]))), size
    if found[1] and found[2]:
        end = min(int(found[2]) + 1, size)
    if first >= size:
        return None
    return (first, end, True) if first < end else (0, size, False)


def _first_denied(layout: Layout, first: int, end: int, ticket: Ticket) -> dict[str, str] | None:
    """Ask the app again for each member of a range. Return the record of the first one that is denied."""
    if not ticket.check:
        return None
    check: Check | None = None
    for piece in layout.pieces(first, end):
        if isinstance(piece, bytes):
            continue
        ref, reason = layout[piece.number].ref, "check"
        try:
            check = check or resolve_name(ticket.check)
            if check(ticket.subject, ref):
                continue
        except Exception as error:  # noqa: BLE001  (a check that fails has not allowed)
            logger.error("the check of a member of an archive failed: it is denied", exc_info=error)
            reason = type(error).__name__
        return {"origin": ref.origin, "bucket": ref.bucket or "", "key": ref.key, "reason": reason}
    return None


def _source(sender: Sender, first: int) -> template.Source:
    """Return where NGINX fetches a member, with URLs that are signed now. first: byte of the archive, sent now."""
    site = sender.site

    def source(member: LaidOut) -> tuple[str, str]:
        located = sender.places.locate(member.ref)
        if isinstance(located.place.origin, LocalOrigin):
            # the assembler sends files too: NGINX makes no ranges of files that are included
            below = located.entry.removeprefix(site.internal_prefix)
            return ARCHIVES, f"{site.archive_host}/file/{below}"
        before_s = transfer_s(max(0, member.begins - first), SLOWEST_RATE, site.limit_rate)
        # whole minutes: members with equal lives share most of the work of a signature
        return located.place.name, sender.sign(located, later_s=-(-before_s // 60) * 60)

    return source
