"""Receive an upload in parts in a view: begin it, say how far it is, append to it, give it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.encoding import escape_uri_path

from xaccel.django.conf import configuration
from xaccel.django.uploads.models import State, Upload, uploads
from xaccel.django.uploads.settle import decided, release, settle
from xaccel.events import DownloadEvent, logger
from xaccel.features.archives.crc import checksum_of, combine, number_of
from xaccel.features.uploads import parts
from xaccel.features.uploads import receive as core
from xaccel.features.uploads.decide import (
    Refusal,
    UploadArguments,
    decide,
    first_refusal,
    from_this_site,
    require_uploads,
)
from xaccel.features.uploads.look import AWAY, delete
from xaccel.features.uploads.parts import Part
from xaccel.handoff.headers import Answer
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.signing.signer import Pairs
from xaccel.site.origins import S3Origin

_GONE = Refusal(410, "it was given up before its end")
_STORED = Refusal(409, "it is stored already")
_TOO_OFTEN = Refusal(410, "parts were sent again too often: begin anew")
_OTHER = Refusal(409, "another request came first")
_CHANGED = Refusal(422, "the CRC-32 of the file is not the one that was announced")

Record = Callable[[DownloadEvent], object]
Reserve = Callable[..., Refusal | None]


def respond(
    request: HttpRequest, origin: str, arguments: UploadArguments, *, reserve: Reserve, record: Record
) -> Answer:
    """Return the response to a request about an upload in parts, whose address has the query `?upload=`.

    Only the user who began the upload can go on, and only at the path where it began.
    """
    row = None
    site = configuration().site
    if not require_uploads(site).resumable or not isinstance(site.origin(origin), S3Origin):
        found: Answer | Refusal = Refusal(405, "this address takes no uploads in parts")
    elif request.method == "POST":
        found = _begin(request, origin, arguments, reserve)
    else:
        row = _row(request, origin, arguments.get("subject", ""))
        found = _go_on(request, row, record) if row else Refusal(404, "there is no such upload")
    if isinstance(found, Answer):
        return found
    if method := {"POST": "PUT", "PATCH": "PATCH"}.get(request.method or ""):
        record(core.refused(method, origin, arguments, found))
    return _refusal(request, found, row)


def _begin(
    request: HttpRequest, origin: str, arguments: UploadArguments, reserve: Reserve
) -> Answer | Refusal:
    sender = configuration().sender
    upload = decide(sender.site, origin, request.headers, arguments, in_parts=True)
    if isinstance(upload, Refusal):
        return upload
    if refusal := reserve(upload, path=request.path):
        return refusal
    try:
        multipart = parts.begin(sender, upload)
    except AWAY as error:
        release(upload.id)
        logger.error("an upload in parts did not begin: %s", error)
        return core.FAILED
    uploads(pk=upload.id).update(multipart=multipart)
    query = request.GET.copy()
    query["upload"] = upload.id
    where = f"{escape_uri_path(request.path)}?{query.urlencode()}"
    return Answer(201, (("Location", where), *parts.state(sender.site, upload.size, 0)))


def _go_on(request: HttpRequest, row: Upload, record: Record) -> Answer | Refusal:
    method, sender = request.method, configuration().sender
    tests = (
        (row.state in (State.OPEN, State.STORED), *_GONE),
        (row.state == State.OPEN or method == "HEAD", *_STORED),
        from_this_site(request.headers),
    )
    if refusal := first_refusal(tests):
        return refusal
    if method == "HEAD":
        return Answer(204, _state(row))
    if method == "DELETE":
        record(core.allowed(decided(row)._replace(id=""), "DELETE"))  # NGINX writes no log entry
        _give_up(row)
        return Answer(204, ())
    if not core.is_ask(sender.site, request.headers):
        return core.without_nginx()
    upload = decided(row)
    due = parts.decide_part(sender.site, request.headers, upload, row.offset)
    part = _numbered(row, due) if isinstance(due, Part) else due
    if isinstance(part, Refusal):
        return part
    attempt = upload._replace(id=new_transfer_id(datetime.now(UTC)), size=part.size, crc32=part.crc32)
    answer = parts.accept_part(sender, attempt, row.multipart, part)
    record(core.allowed(attempt, "PATCH"))
    return answer


def _numbered(row: Upload, part: Part) -> Part | Refusal:
    """Return the part with its number, if the upload is still open; or give it up if all numbers are used."""
    rows, most = uploads(pk=row.pk), parts.highest_number(configuration().site, row.size)
    with transaction.atomic(using=rows.db):  # the update locks the row: each request reads its own number
        is_open = rows.filter(state=State.OPEN, requests__lt=most)
        if is_open.update(requests=F("requests") + 1, active_at=datetime.now(UTC)):
            return part._replace(number=rows.values_list("requests", flat=True).get())
    row.refresh_from_db(fields=["state", "offset"])
    if row.state != State.OPEN:
        return _STORED if row.state == State.STORED else _GONE
    _give_up(row)
    return _TOO_OFTEN


def _give_up(row: Upload) -> None:
    release(row.pk)
    try:
        parts.cancel(configuration().sender, decided(row))
    except AWAY as error:
        logger.warning("an upload in parts is cancelled by the next sweep: %s", error)


def part_ended(request: HttpRequest) -> Answer | None:
    """Return the response to NGINX, which reports how a part ended; None if the view has to: to the last part.

    Call it outside of the view, whose transaction could take back what is stored here.
    """
    ended = parts.part_ended(configuration().site, request.headers)
    if ended is None:
        return None
    part, status = ended
    refusal = _end(uploads(pk=part.upload).get(), part, status)
    row = uploads(pk=part.upload).get()
    if refusal:
        return _refusal(request, refusal, row)
    return None if part.is_last else Answer(204, _state(row))


def _end(row: Upload, part: Part, status: str) -> Refusal | None:
    """Store that the upload has this part, or return why not. It may be called again. status: of the storage."""
    is_joined = row.state == State.STORED and row.requests == part.number
    if is_joined or part.stored in row.parts:
        return None
    tests = (
        (row.state not in (State.RELEASED, State.GONE), *_GONE),
        ((row.state, row.offset) == (State.OPEN, part.offset), *_OTHER),
        (status in ("200", "404"), *core.meaning(status)),
    )
    if status not in ("200", "404"):  # nothing has this number
        uploads(pk=row.pk, requests=part.number).update(requests=part.number - 1)
    if refusal := first_refusal(tests):
        return refusal
    if part.is_last:  # 404: the storage may have joined the parts already
        return _join(row, part)
    if status == "200":
        return _append(row, part)
    release(row.pk)
    return _GONE


def _append(row: Upload, part: Part) -> Refusal | None:
    rows = uploads(pk=row.pk, state=State.OPEN, offset=part.offset)
    values = {"offset": part.offset + part.size, "active_at": datetime.now(UTC)}
    return None if rows.update(**values, parts=[*row.parts, part.stored]) else _OTHER


def _join(row: Upload, last: Part) -> Refusal | None:
    sender, upload = configuration().sender, decided(row)
    stored = [Part(upload.id, 0, False, *values) for values in [*row.parts, last.stored]]
    whole = upload._replace(crc32=_crc32(stored))
    if upload.crc32 not in ("", whole.crc32):
        release(row.pk)
        return _CHANGED
    try:
        found = parts.join(sender, whole, row.multipart, stored)
        if found and settle(row.pk, found.etag, crc32=found.crc32, requests=last.number, parts=[]):
            return None
        release(row.pk)
        if uploads(pk=row.pk, state=State.STORED).exists():  # of another request, with other bytes
            return _OTHER
        delete(sender, upload)
    except AWAY as error:
        logger.error("the parts of upload %s are not joined: %s", upload.id, error)
        return core.FAILED
    return _GONE


def received(request: HttpRequest) -> Upload | None:
    """Return the row of the upload whose last part NGINX reports; None if it reports none."""
    ended = parts.part_ended(configuration().site, request.headers)
    return ended and uploads(pk=ended[0].upload, state=State.STORED).first()


def _crc32(stored: Iterable[Part]) -> str:
    """Return the CRC-32 of the whole file, in Base64."""
    crc32 = 0
    for part in stored:
        crc32 = combine(crc32, number_of(part.crc32), part.size)
    return checksum_of(crc32)


def _row(request: HttpRequest, origin: str, subject: str) -> Upload | None:
    try:
        id_ = UUID(request.GET.get("upload", ""))
    except ValueError:
        return None
    return uploads(pk=id_, path=request.path, origin=origin, subject=subject).first()


def _state(row: Upload) -> Pairs:
    offset = row.size if row.state == State.STORED else row.offset
    return parts.state(configuration().site, row.size, offset)


def _refusal(request: HttpRequest, refusal: Refusal, row: Upload | None = None) -> Answer:
    site, more = configuration().site, _state(row) if row else ()
    if core.is_ask(site, request.headers):
        return core.refuse(site, refusal, more)
    answer = core.response(refusal, request.headers.get("Accept", ""))
    body = b"" if request.method == "HEAD" else answer.body
    return Answer(answer.status, (*answer.headers, *more), body)
