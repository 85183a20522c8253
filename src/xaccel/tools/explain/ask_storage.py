"""Find out why a storage does not deliver an object, with one request like the one of NGINX."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xaccel.handoff.objects import ObjectRef
from xaccel.http_client.exchange import Exchange, HeadTooLarge
from xaccel.http_client.origin import MAX_REDIRECTS, ask_origin
from xaccel.http_client.s3_xml import error_of
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin, RemoteOrigin, S3Origin
from xaccel.tools.explain.why import FINDINGS, S3_CODES, S3_MESSAGES
from xaccel.urls import REDIRECTS

_BY_STATUS = {301: "PermanentRedirect", 403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed"}
_WRONG_REGION = (301, 307, 400)
"""Statuses that are for the region, where S3 names one: NGINX logs `wrong_region`."""


@dataclass(frozen=True, slots=True)
class StorageFinding:
    """The result of a request: the error code of the storage, or "" if it delivers, and what to do."""

    code: str
    remedy: str


def ask_storage(site: Site, ref: ObjectRef, version_id: str | None = None) -> StorageFinding:
    """Request the first byte of an object once, and return why the storage does not deliver it.

    The request is the one that NGINX would send: the URL of a hand-off, sent to the origin's addresses with the
    origin's TLS options. It follows a redirect only if NGINX would. `version_id` is for S3 origins; None: the newest
    version.

    Raises OriginUnknown, KeyRefused, OptionRefused, CredentialsUnavailable, and ConfigError as `resolve_endpoint` does.
    """
    sender = Sender(site)
    located = sender.places.locate(ref)
    origin = located.place.origin
    if isinstance(origin, LocalOrigin):
        return _look(Path(located.target))
    if located.place.is_signed_by_the_app:
        return StorageFinding("not asked", FINDINGS["signed_by_the_app"])
    hand_off = sender.hand_off(ref, options=Options(version_id=version_id or None))
    found = ask_origin(origin, hand_off.target, {"Range": "bytes=0-0"})
    if error := found[-1].error:
        said = " ".join(str(error).split()) or type(error).__name__
        found_by = {ssl.SSLCertVerificationError: "untrusted", HeadTooLarge: "large_head"}
        name = found_by.get(type(error), "unreachable")
        return StorageFinding("unreachable", f"{said}. {FINDINGS[name]}")
    if found[-1].status >= 300:
        return _refused(origin, found)
    return StorageFinding("", FINDINGS["delivers"])


def _look(path: Path) -> StorageFinding:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return StorageFinding(type(error).__name__, f"{error.strerror}. {FINDINGS['unreadable']}")
    return StorageFinding("", FINDINGS["readable"])


def _refused(origin: RemoteOrigin, found: Sequence[Exchange]) -> StorageFinding:
    last = found[-1]
    region = last.header("x-amz-bucket-region")
    if not region and last.status in REDIRECTS:
        return _not_followed(found)
    if last.status == 416:
        return StorageFinding("", FINDINGS["empty"])
    if not isinstance(origin, S3Origin):
        status = f"{last.status} {http.client.responses.get(last.status, '')}"
        return StorageFinding(str(last.status), FINDINGS["status"].format(status=status))
    error = error_of(last.body)
    if error is None and "html" in last.header("Content-Type"):
        return StorageFinding(f"status {last.status}", FINDINGS["html"])
    code = (error and error.code) or _BY_STATUS.get(last.status, str(last.status))
    remedy = S3_CODES.get(code, FINDINGS["unknown_code"])
    if error and code in {"AccessDenied", "InvalidRequest"}:
        remedy = next((known for words, known in S3_MESSAGES.items() if words in error.message), remedy)
    if code == "NoSuchKey" and last.header("x-amz-delete-marker") == "true":
        remedy = FINDINGS["deleted"]
    if region and last.status in _WRONG_REGION:
        remedy = FINDINGS["region"].format(region=region)
    return StorageFinding(code, remedy)


def _not_followed(found: Sequence[Exchange]) -> StorageFinding:
    location = found[-1].header("Location")
    code = "redirect_refused" if location else "redirect_without_location"
    if len(found) > MAX_REDIRECTS:
        code = "too_many_redirects"
    # no more of the URL: it may have a signature. One that cannot be parsed is not shown.
    place = re.match(r"(?:([a-z]+):)?//(?:[^/?#@]*@)?([^/?#@]{0,255})", location)
    shown = f"{place[1] or ''}://{place[2]}" if place else "://"
    return StorageFinding(code, FINDINGS[code].format(place=shown))
