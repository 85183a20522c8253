"""Ask a storage once, from Python, with the request that NGINX would send, why it does not deliver an object."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from xaccel.explain.exchange import Exchange, ask_origin
from xaccel.explain.why import STORE_CODES, STORE_MESSAGES
from xaccel.handoff.objects import ObjectRef
from xaccel.nginx.engine_files import FOLLOWED, MAX_REDIRECTS
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin, RemoteOrigin, S3Origin

_DELETED = "The newest version is a delete marker. Remove the marker, or send an older version."

_BY_STATUS = {301: "PermanentRedirect", 403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed"}
_WRONG_REGION = (301, 307, 400)
"""Statuses that are for the region, where S3 names one: NGINX logs `wrong_region`."""


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """The result of a request: the error code of the store, or "" if it delivers, and what to do."""

    code: str
    remedy: str


def ask_store(site: Site, ref: ObjectRef, version_id: str | None = None) -> StoreFinding:
    """Request the first byte of an object once, and return what keeps the storage from delivering it.

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
        return StoreFinding(
            "not asked",
            "The app signs the URLs of this origin, so this command cannot request them. Check that the signature is"
            " valid for this method, clock and host.",
        )
    hand_off = sender.hand_off(ref, options=Options(version_id=version_id or None))
    found = ask_origin(origin, hand_off.target, {"Range": "bytes=0-0"})
    if found[-1].error is not None:
        return StoreFinding("unreachable", _unreachable(found[-1].error))
    if found[-1].status >= 300:
        return _refused(origin, found)
    return StoreFinding(
        "",
        "The storage delivers to this machine now. Look at the connection from NGINX to it, or run this command again.",
    )


def _look(path: Path) -> StoreFinding:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return StoreFinding(
            type(error).__name__, f"{error.strerror}. NGINX's workers must be able to read the file."
        )
    return StoreFinding(
        "", "This process can read the file. NGINX's workers run as another user: compare their rights."
    )


def _unreachable(reason: Exception) -> str:
    said = " ".join(str(reason).split()) or type(reason).__name__
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"{said}. A private certificate authority needs `ca_file`; the URL must have a name of the certificate."
    return f"{said}. Look at name, port, network and certificate."


def _refused(origin: RemoteOrigin, found: Sequence[Exchange]) -> StoreFinding:
    last = found[-1]
    region = last.header("x-amz-bucket-region")
    if not region and last.status in FOLLOWED:
        return _not_followed(found)
    if last.status == 416:
        return StoreFinding("", "The storage delivers: the object is empty.")
    if not isinstance(origin, S3Origin):
        name = http.client.responses.get(last.status, "")
        said = f"The server responds with {last.status} {name}. Report it to those who run it."
        return StoreFinding(str(last.status), said)
    elements = dict(re.findall("<(Code|Message)>([^<]*)</", last.body.decode("utf-8", "replace")))
    code = elements.get("Code") or _BY_STATUS.get(last.status, str(last.status))
    remedy = STORE_CODES.get(code, "Look the code up in the storage's documentation.")
    if code in {"AccessDenied", "InvalidRequest"}:
        message = elements.get("Message", "")
        remedy = next((known for words, known in STORE_MESSAGES.items() if words in message), remedy)
    if code == "NoSuchKey" and last.header("x-amz-delete-marker") == "true":
        remedy = _DELETED
    if region and last.status in _WRONG_REGION:
        remedy = f"The bucket is in the region {region}: set `region` of the origin."
    return StoreFinding(code, remedy)


def _not_followed(found: Sequence[Exchange]) -> StoreFinding:
    location = found[-1].header("Location")
    if not location:
        return StoreFinding("redirect_without_location", "The origin redirects, and does not say where to.")
    if len(found) > MAX_REDIRECTS:
        return StoreFinding("too_many_redirects", "The origin redirects more often than NGINX follows.")
    # no more of the URL: it may have a signature
    place = urlsplit(location)
    return StoreFinding(
        "redirect_refused",
        f"The origin redirects to {place.scheme}://{place.netloc.rpartition('@')[2]}, where NGINX does not follow it,"
        " nor did this command. If you trust that host, add it to `redirect_hosts`.",
    )


def bucket_region(origin: S3Origin) -> str | None:
    """Return the region of a bucket from an unsigned request; None if the store does not name it or is unreachable.

    Amazon S3 names it also to those who may read nothing (the header x-amz-bucket-region of HeadBucket).
    """
    answer = ask_origin(origin, resolve_endpoint(origin).base_url, method="HEAD")[-1]
    return answer.header("x-amz-bucket-region") or None
