"""Sign requests to S3 with botocore's own signer. It is loaded at the first use, not at import."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

MOST = 512
"""Signatures that are kept; the least recently used goes first."""


def longest_s(expires_s: int) -> float:
    """Return how many seconds old a signature may be that is used again; `expires_s` is the origin's."""
    return min(10, expires_s / 10)


class S3Signer(NamedTuple):
    """Signs in the query, with Signature Version 4 and an unsigned payload.

    expires_s: seconds that a signature lives; the store checks it when a request starts.
    request_payer: the signer pays. In the query, where a signed URL has it
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html).
    reuse_s: equal requests within so many seconds share a signature, dated at their start; 0: none do. Signing is most
        of what a hand-off costs, and a player asks for one range of a video after the other.
    """

    region: str
    expires_s: int
    request_payer: bool = False
    reuse_s: float = 0

    def sign(self, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime) -> str:
        """Return `url` with its signature for `method` (GET or HEAD). `now` is aware. Nothing is read or sent.

        A GET signature refuses HEAD (AWS and SeaweedFS, tests/live/test_methods.py), so the method is the client's.
        """
        if not self.reuse_s:
            return _sign(self, url, method, credentials, now)
        start = now.timestamp() // self.reuse_s * self.reuse_s
        return _kept(self, url, method, credentials, datetime.fromtimestamp(start, UTC))


def _sign(signer: S3Signer, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime) -> str:
    from botocore.awsrequest import AWSRequest

    if signer.request_payer:
        url += f"{'&' if '?' in url else '?'}x-amz-request-payer=requester"
    request = AWSRequest(method=method, url=url)
    _query_auth()(credentials, "s3", signer.region, signer.expires_s, now).add_auth(request)
    signed: str = request.url
    return signed


_kept = lru_cache(maxsize=MOST)(_sign)


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
            # urls.py; a stored URL, sent byte for byte, may spell "(" or "%2b" as it likes.
            return quote(unquote_to_bytes(path), safe="/")

    return ClockedQueryAuth
