"""Signatures of requests to S3: made by botocore's own signer, loaded at the first use, and how long they live.

The storage checks a signature at the start of each request. A whole object is one request. The last slice is requested
when the client has all others, so that the signature must outlive the transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from xaccel.options import Options
from xaccel.site import Cache
from xaccel.site.origins import HTTPOrigin, RemoteOrigin
from xaccel.site.rules import MAX_EXPIRES_S

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

MOST = 512
"""Signatures that are kept; the least recently used goes first."""


def longest_s(expires_s: int) -> float:
    """Return how many seconds old a signature may be that is used again; `expires_s` is the origin's."""
    return min(10, expires_s / 10)


class S3Signer(NamedTuple):
    """Signs in the query, with Signature Version 4 and an unsigned payload.

    expires_s: seconds that a signature lives; the storage checks it when a request starts.
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

        AWS and SeaweedFS refuse HEAD with a GET signature, so `method` is the client's.
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
            # A storage decodes a path and encodes it anew before it compares. That changes nothing in a key spelled by
            # urls.py; a stored URL, sent byte for byte, may spell "(" or "%2b" as it likes.
            return quote(unquote_to_bytes(path), safe="/")

    return ClockedQueryAuth


MARGIN_S = 60
"""Seconds by which credentials must outlive a signature made with them: clocks differ."""


class Life(NamedTuple):
    """Seconds that a signature lives, 0 if nothing is signed here; and whether NGINX may request slices."""

    expires_s: int
    slices: bool


def choose_life(
    origin: RemoteOrigin,
    options: Options,
    cache: Cache | None,
    is_valid_for: Callable[[int], bool] | None,
    *,
    limit_rate: int | None = None,
) -> Life:
    """Choose for one transfer.

    cache: the site's if the object is cached, else None. is_valid_for: whether the credentials are known to be valid
    for this number of seconds; None: not known. limit_rate: the site's, for options without one.

    Slices need a known size over one slice: each costs NGINX memory until the transfer is over. An origin with
    redirect_hosts has none, since NGINX follows no redirect of a slice.
    """
    usual_s = 0 if isinstance(origin, HTTPOrigin) else origin.expires_s
    if (
        cache is None
        or options.size is None
        or origin.redirect_hosts
        or not 0 < cache.slice_bytes < options.size
    ):
        return Life(usual_s, slices=False)
    if isinstance(origin, HTTPOrigin) and origin.expires_s is None:
        return Life(0, slices=True)
    needed_s = usual_s + transfer_s(
        options.size, cache.slowest_rate, limit_rate if options.limit_rate is None else options.limit_rate
    )
    if isinstance(origin, HTTPOrigin):
        return Life(0, slices=needed_s + MARGIN_S <= (origin.expires_s or 0))
    if needed_s > MAX_EXPIRES_S or is_valid_for is None or not is_valid_for(needed_s + MARGIN_S):
        return Life(usual_s, slices=False)
    return Life(needed_s, slices=True)


def transfer_s(size: int, slowest_rate: int, limit_rate: int | Literal["unlimited"] | None) -> int:
    """Return the seconds, rounded up, that the slowest client takes for `size` bytes."""
    rate = min(slowest_rate, limit_rate) if isinstance(limit_rate, int) else slowest_rate
    return -(-size // rate)
