"""Respond to NGINX, which asks whether an upload may come, and reports how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from xaccel.errors import UploadFailed
from xaccel.events import DownloadEvent, denied
from xaccel.features.uploads import directory
from xaccel.features.uploads.decide import CRC32, Refusal, Upload, UploadArguments, decide, require_uploads
from xaccel.handoff.headers import Answer, decision_note
from xaccel.handoff.objects import Located, ObjectRef
from xaccel.sender import Sender
from xaccel.signing.signer import Pairs
from xaccel.site.keys import Sealed, is_from_nginx, seal, unseal
from xaccel.site.origins import LocalOrigin
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_DONE, UPLOAD_TOKEN_HEADER
from xaccel.site.site import Site

_MEANING = {
    400: Refusal(422, "the storage refused the file: its CRC-32 or its length is wrong"),
    412: Refusal(409, "the storage has this object already"),
    413: Refusal(413, "the file is too large for the storage"),
    507: Refusal(507, "the storage is full"),
}
"""The response to the client for a status of the storage."""
_DISK = Refusal(507, "the disk is full, or NGINX may not write to it")
NO_ROOM = Refusal(507, "there is no room left for this file")
FAILED = Refusal(503, "the storage did not take the file: try again")


def _token(headers: Mapping[str, str]) -> str:
    return headers.get(UPLOAD_TOKEN_HEADER.lower(), "")


def is_ask(site: Site, headers: Mapping[str, str]) -> bool:
    """Tell whether NGINX asks, before it reads a body."""
    return is_from_nginx(site, _token(headers), UPLOAD_ASK)


def is_end(site: Site, headers: Mapping[str, str]) -> bool:
    """Tell whether NGINX reports how an upload ended: a client cannot."""
    return is_from_nginx(site, _token(headers), UPLOAD_DONE)


Reserve = Callable[[Upload], Refusal | None]
"""From an upload to why there is no room for it."""
Decide = Callable[[Site, str, Mapping[str, str], UploadArguments], Upload | Refusal]
Accept = Callable[[Sender, Upload], Answer]


def receive(
    sender: Sender,
    origin: str,
    headers: Mapping[str, str],
    arguments: UploadArguments,
    *,
    record: Callable[[DownloadEvent], object],
    reserve: Reserve | None = None,
    form: tuple[Decide, Accept] | None = None,
) -> Answer:
    """Return the response to NGINX, which asks whether an upload may come. record: reports the decision.

    form: what decides and accepts an HTML form. Raises what `decide` and `accept` raise.
    """
    require_uploads(sender.site)
    if not is_ask(sender.site, headers):
        return without_nginx()
    has_room = arguments.get("reserve")
    decides, accepts = form or (decide, accept)
    decided = decides(sender.site, origin, headers, arguments)
    if isinstance(decided, Upload):
        answer = accepts(sender, decided)  # before the reservation, which an error would leave behind
        refusal = None if _disk_has_room(sender.site, decided) else NO_ROOM
        if refusal is None and reserve:
            refusal = reserve(decided)
        if refusal is None and has_room and not has_room(decided):
            refusal = NO_ROOM
        if refusal is None:
            record(allowed(decided, "PUT"))
            return answer
        decided = refusal
    record(refused("PUT", origin, arguments, decided))
    return refuse(sender.site, decided)


def refused(method: str, origin: str, arguments: UploadArguments, refusal: Refusal) -> DownloadEvent:
    """Return the event of a refusal."""
    reason = f"{refusal.status}: {refusal.message}"
    return denied(method, origin=origin, subject=arguments.get("subject", ""), reason=reason)


def allowed(upload: Upload, method: str) -> DownloadEvent:
    """Return the event of an upload, or of one of its parts."""
    return DownloadEvent(
        transfer_id=upload.id,
        allowed=True,
        origin=upload.origin,
        bucket=upload.bucket,
        key=upload.key,
        method=method,
        subject=upload.subject,
        size=upload.size,
        at=datetime.now(UTC),
    )


def received(site: Site, headers: Mapping[str, str]) -> Upload | None:
    """Return the upload whose object is stored, if NGINX reports it in this request.

    Raises UploadFailed if the storage did not take it, and as `directory.keep`.
    """
    ended = end_of(site, headers, Upload)
    if ended is None:
        return None
    upload, status = ended
    origin = site.origin(upload.origin)
    if status != ("201" if isinstance(origin, LocalOrigin) else "200"):
        # NGINX's own 500 is an error of a write; it does not say which one
        is_disk = isinstance(origin, LocalOrigin) and status == "500"
        raise failed(upload, _DISK if is_disk else meaning(status))
    if not isinstance(origin, LocalOrigin):
        return upload._replace(etag=headers.get("xaccel-storage-etag", ""))
    kept = directory.keep(origin, upload)
    if kept is None:
        raise failed(upload, _MEANING[400])
    return kept


def end_of(site: Site, headers: Mapping[str, str], kind: type[Sealed]) -> tuple[Sealed, str] | None:
    """Return a ticket of this class and the storage's status, if NGINX reports an end in this request."""
    ticket = unseal(site, kind, headers.get("xaccel-upload", "")) if is_end(site, headers) else None
    return (ticket, headers.get("xaccel-storage-status", "")) if ticket else None


def meaning(status: str) -> Refusal:
    """Return what the client hears of a status of the storage."""
    return _MEANING.get(int(status) if status.isdigit() else 0, FAILED)


def failed(upload: Upload, refusal: Refusal) -> UploadFailed:
    """Return the error of an upload that is not stored."""
    error = UploadFailed(refusal.message, where=f"upload {upload.id}", remedy="Send the file again.")
    error.status, error.upload = refusal.status, upload
    return error


def locate(sender: Sender, upload: Upload) -> Located:
    """Return where the object is, or will be. Raises KeyRefused, OptionRefused, OriginNotAllowed and OriginUnknown."""
    return sender.places.locate(ObjectRef(upload.origin, upload.key, bucket=upload.bucket or None), "HEAD")


def _disk_has_room(site: Site, upload: Upload) -> bool:
    origin = site.origin(upload.origin)
    return not isinstance(origin, LocalOrigin) or directory.has_room(origin, upload)


def accept(sender: Sender, upload: Upload) -> Answer:
    """Return the response that opens NGINX for the body. The storage refuses any other length, type and CRC-32.

    `If-None-Match: *` keeps an object that is there (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
    conditional-writes.html). Raises CredentialsUnavailable.
    """
    located = locate(sender, upload)
    if isinstance(located.place.origin, LocalOrigin):
        url = directory.url_for_nginx(upload)
    else:
        url = sender.sign(located, method="PUT", headers=headers_of(upload))
    return open_gate(sender.site, upload, url, upload)


def headers_of(upload: Upload) -> Pairs:
    """Return the headers that the storage must get as they are here."""
    checked = [(CRC32, upload.crc32)] if upload.crc32 else []
    length, kind = ("content-length", str(upload.size)), ("content-type", upload.content_type)
    return (length, kind, ("if-none-match", "*"), *checked)


def open_gate(site: Site, upload: Upload, url: str, ticket: NamedTuple) -> Answer:
    """Return the response that lets NGINX send a body to a signed `url`. ticket: comes back with the end, see `end_of`.

    The secret is in the headers: never show or log them.
    """
    private = {
        "Xaccel-Auth": site.secrets[0],
        "Xaccel-Id": upload.id,
        "Xaccel-Origin": upload.origin,
        "Xaccel-Subject": upload.subject,
        "Xaccel-Url": url,
        "Xaccel-Type": upload.content_type,
        "Xaccel-Crc32": upload.crc32,
        "Xaccel-Upload": seal(site, ticket),
        "Xaccel-Note": decision_note(key=allowed(upload, "PUT").object_name) if site.log_decisions else "",
    }
    return Answer(204, tuple((name, value) for name, value in private.items() if value))


def refuse(site: Site, refusal: Refusal, more: Pairs = ()) -> Answer:
    """Return the response to NGINX that refuses an upload: NGINX knows 403 alone, and sends the status named here.

    more: headers, of which NGINX passes Upload-Offset and Upload-Limit.
    """
    said = (("Xaccel-Status", str(refusal.status)), ("Xaccel-Message", refusal.message))
    return Answer(403, (("Xaccel-Auth", site.secrets[0]), *said, ("Content-Length", "0"), *more))


def response(refusal: Refusal, accept: str) -> Answer:
    """Return the response for the client: JSON if it asks for that, else plain text.

    NGINX makes the same of `refuse` (engine/uploads/maps.conf).
    """
    is_json = "json" in accept.lower()
    text = f'{{"status": {refusal.status}, "detail": "{refusal.message}"}}' if is_json else refusal.message
    body = f"{text}\n".encode()
    kind = "application/json" if is_json else "text/plain; charset=utf-8"
    retry = [("Retry-After", "10")] if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE else []
    headers = [("Content-Type", kind), ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))]
    return Answer(refusal.status, (*headers, *retry), body)


def without_nginx() -> Answer:
    """Return the response to an upload that did not come through NGINX: the app never reads a body."""
    message = "uploads go through NGINX: this request reached the app without it, or UPLOADS lacks its path"
    return response(Refusal(501, message), "")
