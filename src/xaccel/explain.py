"""Why a store does not deliver an object: asked once, from Python, with the origin's own credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xaccel import target
from xaccel.buckets import bucket_named
from xaccel.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.signing import client_options, new_session
from xaccel.site import Site

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
    "AuthorizationHeaderMalformed": "The bucket is in another region: set `region` of the origin.",
    "PermanentRedirect": "The bucket is in another region: set `region` of the origin.",
    "KMS.DisabledException": "The key that encrypts the object is disabled in KMS.",
    "KMS.NotFoundException": "The key that encrypts the object does not exist in KMS.",
    "KMS.KMSInvalidStateException": "The key that encrypts the object is pending deletion or import in KMS.",
    "SlowDown": "The store limits requests. Spread them, or let NGINX cache.",
}
"""What to do for each error code of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

_BY_MESSAGE = (
    (
        "AccessDenied",
        "kms:",
        "The identity may not use the key that encrypts the object: allow kms:Decrypt on it.",
    ),
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


def line_of(transfer_id: str, log: Path, *, start: int = 0) -> dict[str, Any] | None:
    """Return NGINX's line of a transfer; the last one where there are several. None where there is none.

    Lines that are no JSON are passed over, and what lies before the byte `start`.

    Raises OSError for a log that cannot be read.
    """
    found: dict[str, Any] | None = None
    with log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(start)
        for text in lines:
            if transfer_id in text:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if line.get("id") == transfer_id:
                    found = line
    return found


def ask_store(
    site: Site, origin_name: str, key: str, version_id: str | None = None, *, bucket: str | None = None
) -> Finding:
    """Ask the store for the first byte of an object, once, and say what keeps it from delivering.

    `version_id` is for S3 origins; None: the newest version. `bucket` names one of an origin that covers many.

    Raises OriginUnknown, KeyRefused, OptionRefused and OriginNotAllowed as `bucket_named` does, CredentialsUnavailable,
    and ConfigError as `resolve_endpoint` does.
    """
    origin = site.origin(origin_name)
    if isinstance(origin, LocalOrigin):
        target.quote_key(key, dots=False, directory=True)
        return _look(Path(origin.root) / key)
    if isinstance(origin, HTTPOrigin):
        if origin.signed_for_s is not None:
            return Finding(
                "not asked",
                "The app signs the URLs of this origin, so that it cannot be asked from here. Look whether the"
                " signature is for this method, clock and host.",
            )
        return _fetch(target.canonical_base(origin.base_url) + target.quote_key(key, dots=False), origin)
    return _get(replace(origin, bucket=bucket_named(origin, bucket)), key, version_id)


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


def _fetch(url: str, origin: HTTPOrigin) -> Finding:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url, headers={**origin.request_headers, "Range": "bytes=0-0"})  # noqa: S310
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            answer.read(1)
    except HTTPError as error:
        error.close()
        return Finding(
            str(error.code), f"The server answers {error.code} {error.reason}. Ask those who run it."
        )
    except (URLError, OSError) as error:
        return Finding(
            "unreachable", f"{getattr(error, 'reason', error)}. Look at name, port, network and certificate."
        )
    return Finding("", "The server delivers to this machine. Look at the way from NGINX to it.")


def _get(origin: S3Origin, key: str, version_id: str | None) -> Finding:
    from botocore.exceptions import BotoCoreError, ClientError

    target.quote_key(key, dots=True)
    asked = {"Bucket": origin.bucket, "Key": origin.prefix + key, "Range": "bytes=0-0"}
    if version_id:
        asked["VersionId"] = version_id
    if origin.request_payer:
        asked["RequestPayer"] = "requester"
    try:
        answer = _client(origin).get_object(**asked)
        answer["Body"].close()
    except ClientError as error:
        return _refused(error.response)
    except BotoCoreError as error:
        return Finding(
            "unreachable", f"{' '.join(str(error).split())}. Look at name, port, network and certificate."
        )
    return Finding(
        "", "The store delivers to this machine now. Look at the way from NGINX to it, or ask again."
    )


def _refused(answer: Mapping[str, Any]) -> Finding:
    told = answer.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    code = _BY_STATUS.get(code, code)
    if code == "InvalidRange":
        return Finding("", "The store delivers: the object is empty.")
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code == "NoSuchKey" and headers.get("x-amz-delete-marker") == "true":
        return Finding(code, _DELETED)
    for known, words, remedy in _BY_MESSAGE:
        if code == known and words in message:
            return Finding(code, remedy)
    return Finding(code, REMEDIES.get(code, "Look the code up in the store's documentation."))


def _client(origin: S3Origin, *, unsigned: bool = False) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    options: dict[str, Any] = {
        **client_options(origin),
        "connect_timeout": 5,
        "read_timeout": 10,
        "retries": {"total_max_attempts": 1},
    }
    if unsigned:
        options["signature_version"] = UNSIGNED
    return new_session(origin).create_client(
        "s3",
        region_name=origin.region,
        endpoint_url=origin.endpoint_url,
        aws_access_key_id=origin.access_key,
        aws_secret_access_key=origin.secret_key,
        aws_session_token=origin.session_token,
        verify=origin.ca_file if origin.verify_tls else False,
        config=Config(**options),
    )


def bucket_region(origin: S3Origin) -> str | None:
    """Ask the store, unsigned, for the region of a bucket; None where it does not say or is out of reach.

    Amazon S3 names it also to those who may read nothing (the header x-amz-bucket-region of HeadBucket).
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _client(origin, unsigned=True).head_bucket(Bucket=origin.bucket)
    except ClientError as error:
        answer = error.response
    except BotoCoreError:
        return None
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None
