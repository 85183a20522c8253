"""Choose how long a signature lives, and whether NGINX may request the object in slices with it.

The store checks a signature at the start of each request. A whole object is one request. The last slice is requested
when the client has all others, so that the signature must outlive the transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from xaccel.options import Options
from xaccel.site import Cache
from xaccel.site.origins import HTTPOrigin, RemoteOrigin

LONGEST_S = 7 * 24 * 3600
"""The longest life of a signature in the query
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)."""

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
    lasts: Callable[[int], bool] | None,
    *,
    limit_rate: int | None = None,
) -> Life:
    """Choose for one transfer.

    cache: the site's if the object is cached, else None. lasts: whether the credentials are known to be valid for so
    many seconds more; None: not known. limit_rate: the site's, for options without one.

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
    if needed_s > LONGEST_S or lasts is None or not lasts(needed_s + MARGIN_S):
        return Life(usual_s, slices=False)
    return Life(needed_s, slices=True)


def transfer_s(size: int, slowest_rate: int, limit_rate: int | Literal["unlimited"] | None) -> int:
    """Return the seconds, rounded up, that the slowest client takes for `size` bytes."""
    rate = min(slowest_rate, limit_rate) if isinstance(limit_rate, int) else slowest_rate
    return -(-size // rate)
