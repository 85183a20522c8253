"""How long a signature lives, and whether an object may be asked for in slices with it.

The store checks a signature at the start of each request. A whole object is one request, so its signature is short. In
slices the last one is asked for when the client has all the others, so the signature must outlive the transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from xaccel.options import Options
from xaccel.site import Cache
from xaccel.site.origins import HTTPOrigin, RemoteOrigin

LONGEST_S = 7 * 24 * 3600
"""The longest life of a signature in the query
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)."""

MARGIN_S = 60
"""Seconds by which credentials must outlive a signature made with them: clocks differ."""


@dataclass(frozen=True, slots=True)
class Life:
    """What was chosen.

    expires_s: seconds of life; 0 where nothing is signed here. slices: the object may be asked for in slices.
    """

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
    """Choose for one transfer. Pure.

    `cache` is the site's where the object is to be kept, else None. `lasts` tells whether the credentials are known to
    live so many seconds more; None: not known. `limit_rate` is the site's, for options without one.

    Slices need an object that is known to be larger than one: each slice costs NGINX memory until the transfer is over,
    and of an object of unknown size nothing bounds their number. They are not for an origin with redirect_hosts: each
    slice would be redirected, and none may be.
    """
    usual_s = 0 if isinstance(origin, HTTPOrigin) else origin.expires_s
    sliced = (
        cache is not None
        and not origin.redirect_hosts
        and cache.slice_bytes > 0
        and options.size is not None
        and cache.slice_bytes < options.size
    )
    if not sliced or cache is None or options.size is None:
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
