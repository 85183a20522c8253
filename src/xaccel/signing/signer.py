"""Sign requests to S3 with botocore's own signer, and reuse a signature that was made moments ago.

No user ever sees a signature, so nobody can tell. Signing is most of what a hand-off costs the app, and a hot object,
or a video whose player asks for one range after the other, is signed for again and again. botocore is loaded at the
first use, not at import.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

LONGEST_S = 10
"""The greatest age of a signature that is used again, in seconds; or a tenth of the origin's `expires_s`."""

MOST = 512
"""Signatures that are kept; the one that was used least recently goes first."""


class FreshSignatures:
    """Signed URLs of the last seconds. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[datetime, datetime, str]] = OrderedDict()
        self._lock = Lock()

    def get(self, request: Hashable, now: datetime, most_s: float, sign: Callable[[], str]) -> str:
        """Return the signature of an equal `request` if it is at most `most_s` seconds old, else what `sign` makes.

        `request` is everything that the signature depends on but its time: credentials that were exchanged make another
        one.
        """
        with self._lock:
            kept = self._kept.get(request)
            # A clock that was set back makes an age below zero.
            if kept is not None and kept[0] <= now <= kept[1]:
                self._kept.move_to_end(request)
                return kept[2]
        signed = sign()
        with self._lock:
            self._kept[request] = now, now + timedelta(seconds=most_s), signed
            self._kept.move_to_end(request)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return signed


def longest_s(expires_s: int) -> float:
    """Return how old a signature may be that is used again; `expires_s` is the origin's.

    One for slices lives longer by the time of the transfer, which must be left of it in any case.
    """
    return min(LONGEST_S, expires_s / 10)


@dataclass(frozen=True, slots=True)
class S3Signer:
    """Signs in the query, with Signature Version 4 and an unsigned payload.

    expires_s: seconds that a signature lives; the store checks it when a request starts.
    request_payer: the signer pays. In the query, where a signed URL has it
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html).
    fresh, reuse_s: where the signatures of the last `reuse_s` seconds are kept to be used again; None: each request is
        signed anew.
    """

    region: str
    expires_s: int
    request_payer: bool = False
    fresh: FreshSignatures | None = field(default=None, repr=False, compare=False)
    reuse_s: float = 0

    def sign(self, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime) -> str:
        """Return `url` with its signature for `method` (GET or HEAD). `now` is aware. Nothing is read or sent.

        A GET signature refuses HEAD (AWS and SeaweedFS, tests/live/test_methods.py), so the method is the client's.
        """
        if self.fresh is None:
            return self._sign(url, method, credentials, now)
        return self.fresh.get(
            (url, method, self.region, self.expires_s, self.request_payer, tuple(credentials)),
            now,
            self.reuse_s,
            lambda: self._sign(url, method, credentials, now),
        )

    def _sign(self, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime) -> str:
        from botocore.awsrequest import AWSRequest

        if self.request_payer:
            url += f"{'&' if '?' in url else '?'}x-amz-request-payer=requester"
        request = AWSRequest(method=method, url=url)
        _query_auth()(credentials, "s3", self.region, self.expires_s, now).add_auth(request)
        signed: str = request.url
        return signed


@lru_cache(maxsize=1)
def _query_auth() -> type[Any]:
    from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth

    class ClockedQueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]
        """botocore's signer with the clock as an argument."""

        def __init__(
            self, credentials: ReadOnlyCredentials, service: str, region: str, expires: int, now: datetime
        ) -> None:
            super().__init__(credentials, service, region, expires)
            self._now = now

        def headers_to_sign(self, request: Any) -> Any:
            # botocore makes them twice, from the same host; that is a sixth of the time of a signature.
            found = request.context.get("headers_to_sign")
            if found is None:
                found = request.context["headers_to_sign"] = super().headers_to_sign(request)
            return found

        def add_auth(self, request: Any) -> None:
            request.context["timestamp"] = self._now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
            self._modify_request_before_signing(request)
            to_sign = self.string_to_sign(request, self.canonical_request(request))
            self._inject_signature_to_request(request, self.signature(to_sign, request))

        def _normalize_url_path(self, path: str) -> str:
            # A store decodes a path and encodes it anew before it compares. That changes nothing in a key spelled by
            # target.py; a stored URL, sent byte for byte, may spell "(" or "%2b" as it likes.
            return quote(unquote_to_bytes(path), safe="/")

    return ClockedQueryAuth
