"""Requests to a storage below one prefix: few, counted, and what they wrote is deleted."""

from __future__ import annotations

import base64
import signal
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from xaccel.http_client.exchange import Exchange, at_most
from xaccel.http_client.origin import open_origin
from xaccel.signing.endpoint import Endpoint
from xaccel.signing.policy import signed_fields
from xaccel.site.origins import RemoteOrigin, S3Origin
from xaccel.urls import quote_key

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

MOST_REQUESTS, MOST_BYTES = 40, 20_000_000
"""Of one run, with those that delete. Bytes of bodies in both directions."""
LARGEST = 1 << 16
"""Bytes that are read of a response, more than a small object has."""
PART = 5 << 20
"""The least size of a part, except the last one (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""
CONTENT = bytes(range(256)) * 16
_SIGNED_S, _DELETING_S = 300, 60
_NO_BUCKET = "the origin is no bucket"
_NONE: Mapping[str, str] = MappingProxyType({})


class NotTried(Exception):
    """There is nothing to try, and the text says why, without a name or a key."""


def crc32(body: bytes) -> str:
    """Return a CRC-32 as S3 writes it."""
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def upload_query(upload: str) -> str:
    """Return the query that names an upload in parts."""
    return f"uploadId={quote(upload, safe='')}"


@dataclass(kw_only=True)
class Scratch:
    """The objects of one check.

    folder: the prefix of all keys, with the origin's own. endpoint, credentials: of a bucket. url: of an object that
    the user named, for an origin that is no bucket; only reading is tried then.
    content, first: the object that is read, and the response to the first request for it.
    written: keys that are deleted at the end; uploads: ids of uploads in parts that are cancelled then, all for the key
    "parts". redirected: the redirects among the responses. is_stopped: by Ctrl-C.
    """

    origin: RemoteOrigin
    bucket: str = ""
    folder: str = ""
    endpoint: Endpoint | None = None
    credentials: ReadOnlyCredentials | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    content: bytes = field(default=CONTENT, repr=False)
    first: Exchange | None = field(default=None, repr=False)
    requests: int = 0
    body_bytes: int = 0
    written: dict[str, None] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    redirected: list[Exchange] = field(default_factory=list)
    is_stopped: bool = False

    def read(
        self,
        headers: Mapping[str, str] = _NONE,
        *,
        method: str = "GET",
        key: str = "object",
        query: str = "",
        change: Callable[[str], str] | None = None,
    ) -> Exchange:
        """Request an object, as NGINX does: the signature covers none of the headers. change: of the signed URL."""
        if self.endpoint is None and key != "object":
            raise NotTried(_NO_BUCKET)
        url = self._signed(method, key, query, _NONE) if self.endpoint else self.url
        changed = change(url) if change else url
        if change and changed == url:
            raise NotTried("the URL has no signature")
        return self._ask(method, changed, headers)

    def write(
        self, method: str, key: str, body: bytes = b"", signed: Mapping[str, str] = _NONE, *, query: str = ""
    ) -> Exchange:
        """Send a request that changes the bucket. The storage must refuse other values of the signed headers."""
        self.written[key] = None
        return self._ask(
            method,
            self._signed(method, key, query, signed),
            {**signed, "content-length": str(len(body))},
            body,
        )

    def post(self, key: str, body: bytes, *, most_bytes: int) -> Exchange:
        """Send a form as a browser does. Its policy allows this key and so many bytes."""
        if self.endpoint is None or self.credentials is None:
            raise NotTried(_NO_BUCKET)
        fields = signed_fields(
            self.endpoint,
            self.bucket,
            {"key": f"{self.folder}{key}"},
            self.credentials,
            most_bytes=most_bytes,
            until=datetime.now(UTC) + timedelta(seconds=_SIGNED_S),
        )
        head = '--xaccel-form\r\nContent-Disposition: form-data; name="'
        form = "".join(f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
        form += f'{head}file"; filename="file"\r\nContent-Type: text/plain\r\n\r\n'
        whole = form.encode() + body + b"\r\n--xaccel-form--\r\n"
        self.written[key] = None
        kind = "multipart/form-data; boundary=xaccel-form"
        sent = {"content-type": kind, "content-length": str(len(whole))}
        return self._ask("POST", self.endpoint.base_url, sent, whole)

    def copy_source(self) -> str:
        """Return the header x-amz-copy-source for the object that is read."""
        return quote(f"/{self.bucket}/{self.folder}object")

    def delete_all(self) -> list[str]:
        """Delete what was written; return the keys that may still be there."""
        left = []
        uploads = [("parts", upload_query(upload)) for upload in self.uploads]
        with at_most(_DELETING_S):
            for key, query in [*uploads, *((key, "") for key in self.written)]:
                status = 0
                with suppress(OSError, ValueError, HTTPException, NotTried):
                    status = self.write("DELETE", key, query=query).status
                if status not in (200, 204, 404):
                    left.append(f"{self.folder}{key}")
        return left

    def _signed(self, method: str, key: str, query: str, signed: Mapping[str, str]) -> str:
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        if self.endpoint is None:
            raise NotTried(_NO_BUCKET)
        if isinstance(self.origin, S3Origin) and self.origin.request_payer:
            query = f"{query}{query and '&'}x-amz-request-payer=requester"
        path = quote_key(f"{self.folder}{key}", dots=not self.endpoint.path_style)
        asked = AWSRequest(method, f"{self.endpoint.base_url}{path}{query and '?'}{query}", {**signed})
        S3SigV4QueryAuth(self.credentials, "s3", self.endpoint.region, _SIGNED_S).add_auth(asked)
        return str(asked.url)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Send a request, unless too little would be left to delete everything. Raises NotTried."""
        to_delete = 0 if method == "DELETE" else len(self.written) + len(self.uploads)
        if self.requests + to_delete >= MOST_REQUESTS or self.body_bytes + len(body) + LARGEST > MOST_BYTES:
            raise NotTried("it would take more requests or bytes than one check may use")
        if self.is_stopped and method != "DELETE":
            raise KeyboardInterrupt("it was stopped")
        seen: list[Exchange] = []
        try:
            with open_origin(self.origin, url, headers, method=method, body=body, seen=seen) as response:
                seen[-1].body = response.read_soon(LARGEST)
        finally:
            self.requests += len(seen)
            self.body_bytes += len(seen) * len(body) + sum(len(each.body) for each in seen)
        self.redirected += [each for each in seen if 300 < each.status < 400 and each.header("Location")]
        return seen[-1]


@contextmanager
def stopped_between_requests(scratch: Scratch) -> Iterator[None]:
    """Let Ctrl-C, and other signals that end a program, wait for the response to the present request.

    Otherwise the storage could store an object after it was deleted.
    """

    def stop(*_: object) -> None:
        scratch.is_stopped = True

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, stop)) for number in signals]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
