"""Requests to a storage below one prefix: few, counted, and what they wrote is deleted."""

from __future__ import annotations

import signal
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from xaccel.features.archives.crc import checksum_of
from xaccel.features.uploads.look import AWAY
from xaccel.features.uploads.parts import upload_query
from xaccel.handoff.objects import Located, ObjectRef
from xaccel.http_client.exchange import Exchange, at_most
from xaccel.http_client.origin import ask_origin
from xaccel.sender import Sender
from xaccel.signing.signer import Pairs
from xaccel.site.origins import RemoteOrigin

MOST_REQUESTS, MOST_BYTES = 40, 20_000_000
"""Of one run, with those that delete. Bytes of bodies in both directions."""
LARGEST = 1 << 16
"""Bytes that are read of a response, more than a small object has."""
PART = 5 << 20
"""The least size of a part, except the last one (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""
CONTENT = bytes(range(256)) * 16
_SIGNED_S, _DELETING_S = 300, 60


class NotTried(Exception):
    """There is nothing to try, and the text says why, without a name or a key."""


def crc32(body: bytes) -> str:
    """Return a CRC-32 as S3 writes it."""
    return checksum_of(zlib.crc32(body))


@dataclass(kw_only=True)
class Scratch:
    """The objects of one check.

    folder: reference of the folder of all objects; or of one object, by its URL, in an origin that is no bucket. Only
    reading is tried then.
    content, first: the object that is read, and the response to the first request for it.
    written: keys that are deleted at the end; uploads: ids of uploads in parts that are cancelled then, all for the key
    "parts". redirected: the redirects among the responses. is_stopped: by Ctrl-C.
    """

    sender: Sender
    origin: RemoteOrigin
    folder: ObjectRef
    content: bytes = field(default=CONTENT, repr=False)
    first: Exchange | None = field(default=None, repr=False)
    requests: int = 0
    body_bytes: int = 0
    written: dict[str, None] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    redirected: list[Exchange] = field(default_factory=list)
    is_stopped: bool = False

    @property
    def is_bucket(self) -> bool:
        """Whether objects can be written."""
        return self.folder.url is None

    def locate(self, key: str = "object") -> Located:
        """Return where an object is. Raises NotTried for another one than the one that the user named."""
        if not self.is_bucket and key != "object":
            raise NotTried("the origin is no bucket")
        ref = replace(self.folder, key=f"{self.folder.key}{key}") if self.is_bucket else self.folder
        return self.sender.places.locate(ref)

    def read(
        self,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        method: str = "GET",
        key: str = "object",
        query: str = "",
        change: Callable[[str], str] | None = None,
    ) -> Exchange:
        """Request an object, as NGINX does: the signature covers none of the headers. change: of the signed URL."""
        url = self.sender.sign(self.locate(key), method=method, query=query)
        changed = change(url) if change else url
        if change and changed == url:
            raise NotTried("the URL has no signature")
        return self._ask(method, changed, headers)

    def write(
        self, method: str, key: str, body: bytes = b"", signed: Pairs = (), *, query: str = ""
    ) -> Exchange:
        """Send a request that changes the bucket. The storage must refuse other values of the signed headers."""
        url = self.sender.sign(self.locate(key), method=method, query=query, headers=signed)
        self.written[key] = None
        return self._ask(method, url, dict(signed), body)

    def post(self, key: str, body: bytes, *, most_bytes: int) -> Exchange:
        """Send a form as a browser does. Its policy allows this key and so many bytes."""
        located, until = self.locate(key), datetime.now(UTC) + timedelta(seconds=_SIGNED_S)
        endpoint = located.place.endpoint
        assert endpoint is not None, "locate refuses others"
        fields = self.sender.sign_form(located, {}, most_bytes=most_bytes, until=until)
        head = '--xaccel-form\r\nContent-Disposition: form-data; name="'
        form = "".join(f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
        form += f'{head}file"; filename="file"\r\nContent-Type: text/plain\r\n\r\n'
        whole = form.encode() + body + b"\r\n--xaccel-form--\r\n"
        self.written[key] = None
        sent = {"content-type": "multipart/form-data; boundary=xaccel-form"}
        return self._ask("POST", endpoint.base_url, sent, whole)

    def delete_all(self) -> list[str]:
        """Delete what was written; return the keys that may still be there."""
        left = []
        uploads = [("parts", upload_query(upload)) for upload in self.uploads]
        with at_most(_DELETING_S):
            for key, query in [*uploads, *((key, "") for key in self.written)]:
                status = 0
                with suppress(*AWAY, NotTried):
                    status = self.write("DELETE", key, query=query).status
                if status not in (200, 204, 404):
                    left.append(self.locate(key).bucket_and_key[1])
        return left

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Send a request, unless too little would be left to delete everything. Raises NotTried."""
        to_delete = 0 if method == "DELETE" else len(self.written) + len(self.uploads)
        if self.requests + to_delete >= MOST_REQUESTS or self.body_bytes + len(body) + LARGEST > MOST_BYTES:
            raise NotTried("it would take more requests or bytes than one check may use")
        if self.is_stopped and method != "DELETE":
            raise KeyboardInterrupt("it was stopped")
        seen = ask_origin(self.origin, url, headers, method=method, body=body, most_bytes=LARGEST)
        self.requests += len(seen)
        self.body_bytes += len(seen) * len(body) + sum(len(each.body) for each in seen)
        self.redirected += [each for each in seen if 300 < each.status < 400 and each.header("Location")]
        return seen[-1].completed()


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
