"""Why a storage does not deliver an object: asked once, from Python, with the request that NGINX would send."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

from xaccel.explain.origin_request import Redirects, opener
from xaccel.handoff.objects import ObjectRef
from xaccel.nginx.facts import FOLLOWED
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin, RemoteOrigin, S3Origin

TIMEOUT_S = 10.0

REMEDIES: Mapping[str, str] = {
    "NoSuchKey": "There is no such object. Compare the key with the bucket's listing, character by character.",
    "NoSuchBucket": "There is no such bucket. Compare `bucket` and `endpoint_url` with the store's.",
    "NoSuchVersion": "The version was deleted. Send another version.",
    "AccessDenied": "The object is missing and the identity may not list the bucket, or it may not read it: allow"
    " s3:GetObject (for a version s3:GetObjectVersion), and s3:ListBucket to tell the two apart; look for a bucket"
    " policy that denies; set `request_payer` for a Requester Pays bucket.",
    "InvalidAccessKeyId": "The store does not know the access key: it was deleted, or belongs to another store.",
    "SignatureDoesNotMatch": "The secret key is wrong, or something between here and the store changes the request.",
    "ExpiredToken": "The session token has expired: look at what refreshes the credentials.",
    "InvalidToken": "The session token does not belong to the access key.",
    "RequestTimeTooSkewed": "The clock of this machine differs from the store's by more than 15 minutes: set it.",
    "InvalidObjectState": "The object is archived. Restore it, or move it to another storage class.",
    "MethodNotAllowed": "The version is a delete marker: it has no bytes. Send another version.",
    "AuthorizationQueryParametersError": "The bucket is in another region: set `region` of the origin.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: set `region` of the origin.",
    "PermanentRedirect": "The bucket is in another region: set `region` of the origin.",
    "KMS.DisabledException": "The key that encrypts the object is disabled in KMS.",
    "KMS.NotFoundException": "The key that encrypts the object does not exist in KMS.",
    "KMS.KMSInvalidStateException": "The key that encrypts the object is pending deletion or import in KMS.",
    "SlowDown": "The store limits requests. Spread them, or let NGINX cache.",
}
"""What to do for each error code of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

_CLOCK = "The clock of this machine differs from the store's: set it."

_BY_MESSAGE = (
    (
        "AccessDenied",
        "kms:",
        "The identity may not use the key that encrypts the object: allow kms:Decrypt on it.",
    ),
    ("AccessDenied", "has expired", _CLOCK),
    ("AccessDenied", "not yet valid", _CLOCK),
    (
        "InvalidRequest",
        "Server Side Encryption",
        "The object is encrypted with a key of the client's (SSE-C), which NGINX cannot send: copy it to SSE-S3 or"
        " SSE-KMS.",
    ),
)
"""Code, words of the store's message, and what to do where the code alone says too little."""

_DELETED = "The newest version is a delete marker. Remove the marker, or send an older version."

_BY_STATUS = {
    "301": "PermanentRedirect",
    "403": "AccessDenied",
    "404": "NoSuchKey",
    "405": "MethodNotAllowed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a store said: its code, or "" where it delivers, and what to do."""

    code: str
    remedy: str


def ask_store(site: Site, ref: ObjectRef, version_id: str | None = None) -> Finding:
    """Ask the storage for the first byte of an object, once, and say what keeps it from delivering.

    The request is the one that NGINX would send: its URL is that of a hand-off, it goes to the origin's addresses with
    the origin's TLS options, and follows no redirect that NGINX would not follow. `version_id` is for S3 origins; None:
    the newest version.

    Raises OriginUnknown, KeyRefused, OptionRefused, CredentialsUnavailable, and ConfigError as `resolve_endpoint` does.
    """
    sender = Sender(site)
    located = sender.places.locate(ref)
    origin = located.place.origin
    if isinstance(origin, LocalOrigin):
        return _look(Path(located.target))
    if located.place.is_signed_by_the_app:
        return Finding(
            "not asked",
            "The app signs the URLs of this origin, so that it cannot be asked from here. Look whether the"
            " signature is for this method, clock and host.",
        )
    hand_off = sender.hand_off(ref, options=Options(version_id=version_id or None))
    return _fetch(origin, hand_off.target, hand_off.request_headers)


def _look(path: Path) -> Finding:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return Finding(
            type(error).__name__, f"{error.strerror}. NGINX's workers must be able to read the file."
        )
    return Finding(
        "", "This process can read the file. NGINX's workers run as another user: compare their rights."
    )


def _fetch(origin: RemoteOrigin, url: str, fixed: Mapping[str, str]) -> Finding:
    part = {"Range": "bytes=0-0"}
    request = Request(url, headers={**part, **fixed})  # noqa: S310
    try:
        with opener(origin, url, part).open(request, timeout=TIMEOUT_S) as answer:
            answer.read(1)
    except HTTPError as error:
        with error:
            return _refused(origin, error)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        return Finding("unreachable", _unreachable(reason))
    return Finding(
        "", "The storage delivers to this machine now. Look at the connection from NGINX to it, or ask again."
    )


def _unreachable(reason: object) -> str:
    said = " ".join(str(reason).split()) or type(reason).__name__
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"{said}. A private certificate authority needs `ca_file`; the URL must have a name of the certificate."
    return f"{said}. Look at name, port, network and certificate."


def _refused(origin: RemoteOrigin, error: HTTPError) -> Finding:
    region = error.headers.get("x-amz-bucket-region")
    if region is None and error.code in FOLLOWED:
        return _not_followed(error)
    if error.code == 416:
        return Finding("", "The storage delivers: the object is empty.")
    if not isinstance(origin, S3Origin):
        return Finding(
            str(error.code), f"The server responds with {error.code} {error.reason}. Ask those who run it."
        )
    return _refused_by_s3(error, region)


def _refused_by_s3(error: HTTPError, region: str | None) -> Finding:
    body = error.read(_ERROR_BYTES).decode("utf-8", "replace")
    code, message = (_element(name, body) for name in ("Code", "Message"))
    code = code or _BY_STATUS.get(str(error.code), str(error.code))
    if region is not None and error.code in _WRONG_REGION:
        return Finding(code, f"The bucket is in the region {region}: set `region` of the origin.")
    if code == "NoSuchKey" and error.headers.get("x-amz-delete-marker") == "true":
        return Finding(code, _DELETED)
    for known, words, remedy in _BY_MESSAGE:
        if code == known and words in message:
            return Finding(code, remedy)
    return Finding(code, REMEDIES.get(code, "Look the code up in the storage's documentation."))


def _not_followed(error: HTTPError) -> Finding:
    location = error.headers.get("Location")
    if location is None:
        return Finding("redirect_without_location", "The origin redirects, and does not say where to.")
    if str(error.msg).startswith(Redirects.inf_msg):
        return Finding("too_many_redirects", "The origin redirects more often than NGINX follows.")
    # Of the URL no more than the place: it may hold a signature.
    place = urlsplit(location)
    return Finding(
        "redirect_refused",
        f"The origin redirects to {place.scheme}://{place.netloc.rpartition('@')[2]}, where NGINX does not follow it,"
        " nor did this command. If you trust that host, add it to `redirect_hosts`.",
    )


_ERROR_BYTES = 65536
_WRONG_REGION = (301, 307, 400)
"""Statuses that are for the region, where S3 names one: NGINX writes `wrong_region` (nginx/log_line.py)."""


def _element(name: str, body: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", body)
    return found[1] if found else ""


def bucket_region(origin: S3Origin) -> str | None:
    """Ask the store, unsigned, for the region of a bucket; None where it does not say or is out of reach.

    Amazon S3 names it also to those who may read nothing (the header x-amz-bucket-region of HeadBucket).
    """
    url = resolve_endpoint(origin).base_url
    try:
        with opener(origin, url, {}).open(Request(url, method="HEAD"), timeout=TIMEOUT_S) as answer:  # noqa: S310
            headers = answer.headers
    except HTTPError as error:
        with error:
            headers = error.headers
    except (OSError, ValueError, http.client.HTTPException):
        return None
    region = headers.get("x-amz-bucket-region")
    return str(region) if region else None
