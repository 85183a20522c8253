"""Signatures of requests and forms for S3: made by botocore's signer, loaded at the first use, and how long they live.

The storage checks a signature at the start of each request. A whole object is one request. The last slice is requested
when the client has all others, so that the signature must outlive the transfer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from xaccel.options import Options
from xaccel.signing.endpoint import Endpoint
from xaccel.site import Cache
from xaccel.site.origins import HTTPOrigin, RemoteOrigin
from xaccel.site.rules import MAX_EXPIRES_S

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

Pairs = tuple[tuple[str, str], ...]
"""Headers of a request."""

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

    def sign(
        self, url: str, method: str, credentials: ReadOnlyCredentials, now: datetime, *, headers: Pairs = ()
    ) -> str:
        """Return `url` with its signature for `method`. `now` is aware. Nothing is read or sent.

        AWS and SeaweedFS refuse HEAD with a GET signature, so `method` is the client's. headers: of this request alone,
        which must have them as they are here.
        """
        if headers or not self.reuse_s:
            return _sign(self, url, method, credentials, now, headers=headers)
        start = now.timestamp() // self.reuse_s * self.reuse_s
        return _kept(self, url, method, credentials, datetime.fromtimestamp(start, UTC))


def _sign(
    signer: S3Signer,
    url: str,
    method: str,
    credentials: ReadOnlyCredentials,
    now: datetime,
    *,
    headers: Pairs = (),
) -> str:
    bare, _, query = url.partition("?")
    path_at = bare.index("/", bare.index("://") + 3)
    # a form with headers serves no other request
    make = _form.__wrapped__ if headers else _form
    form = make(
        signer, method, f"{bare[:path_at]}/?{query}", credentials, now.replace(microsecond=0), headers=headers
    )
    # A storage decodes a path and encodes it anew before it compares. That changes nothing in a key spelled by urls.py;
    # a stored URL, sent byte for byte, may spell "(" or "%2b" as it likes.
    path = quote(unquote_to_bytes(bare[path_at:]), safe="/")
    digest = sha256(f"{method}\n{path}\n{form.request}".encode()).hexdigest()
    signature = hmac.digest(form.key, f"{form.to_sign}\n{digest}".encode(), "sha256").hex()
    return f"{bare}?{form.query}&X-Amz-Signature={signature}"


_kept = lru_cache(maxsize=MOST)(_sign)


class _Form(NamedTuple):
    """The parts of a signature that are equal for all paths of one second; botocore takes 90 µs for them.

    query: of the signed URL, without the signature. request: the canonical request behind the path. to_sign: the string
    to sign, without the digest of the canonical request. key: the signing key, of one day.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """

    query: str
    request: str
    to_sign: str
    key: bytes


@lru_cache(maxsize=MOST)
def _form(
    signer: S3Signer,
    method: str,
    url: str,
    credentials: ReadOnlyCredentials,
    now: datetime,
    *,
    headers: Pairs = (),
) -> _Form:
    """Let botocore's signer prepare a request of the root of the host, with the query of the object's URL."""
    from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    if signer.request_payer:
        url += f"{'' if url.endswith('?') else '&'}x-amz-request-payer=requester"
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.context["timestamp"] = now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
    auth = S3SigV4QueryAuth(credentials, "s3", signer.region, signer.expires_s)
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    key = f"AWS4{credentials.secret_key}".encode()
    for part in auth.credential_scope(request).split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return _Form(
        query=request.url.partition("?")[2],
        request=canonical.split("\n", 2)[2],
        to_sign=auth.string_to_sign(request, canonical).rpartition("\n")[0],
        key=key,
    )


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


def signed_fields(
    endpoint: Endpoint,
    bucket: str,
    fields: Mapping[str, str],
    credentials: ReadOnlyCredentials,
    *,
    most_bytes: int,
    until: datetime,
) -> dict[str, str]:
    """Return the hidden fields of a form that stores one file of at most `most_bytes`. `until` is in UTC.

    S3 refuses other values of `fields`, and other fields
    (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html). Nothing is read or sent.
    """
    from botocore.auth import S3SigV4PostAuth
    from botocore.awsrequest import AWSRequest

    exact = [{name: value} for name, value in {"bucket": bucket, **fields}.items()]
    signed = dict(fields)
    policy = {
        "expiration": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [*exact, ["content-length-range", 0, most_bytes]],
    }
    request = AWSRequest("POST", endpoint.base_url)
    request.context |= {"s3-presign-post-fields": signed, "s3-presign-post-policy": policy}
    S3SigV4PostAuth(credentials, "s3", endpoint.region).add_auth(request)
    return signed
