"""The buckets of an S3 origin: the one it names, or all that its pattern matches."""

from __future__ import annotations

import re
from functools import lru_cache

from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.site.origins import Origin, S3Origin
from xaccel.site.rules import BUCKET_NAME, is_pattern

_RESERVED = re.compile(r"(?:--[a-z]+-s3|-s3alias)\Z")
_LONGEST = 63


def covers_many(origin: Origin) -> bool:
    """Tell whether each call names the bucket."""
    return isinstance(origin, S3Origin) and is_pattern(origin.bucket)


@lru_cache(maxsize=4096)
def expression(pattern: str) -> re.Pattern[str]:
    """Return what matches the buckets of `pattern`, or the URLs of a URL that holds one; the "*" is a group."""
    before, _, after = map(re.escape, pattern.partition("*"))
    # no dot, which a wildcard certificate does not cover, and no slash
    return re.compile(f"{before}([a-z0-9-]+){after}")


def covers(pattern: str, bucket: str) -> bool:
    """Tell whether `bucket` is the name of a bucket, 3 to 63 characters long, that `pattern` matches.

    Names that end as Amazon S3 keeps for aliases, which need another signature, match no pattern.
    """
    return (
        len(bucket) <= _LONGEST
        and BUCKET_NAME.fullmatch(bucket) is not None
        and expression(pattern).fullmatch(bucket) is not None
        and _RESERVED.search(bucket) is None
    )


def bucket_named(origin: Origin, bucket: str | None) -> str:
    """Return the bucket that a call means: `bucket`, or the origin's only one; "" for what is no S3 origin.

    Raises OptionRefused where an origin of many is given none, OriginNotAllowed for one that the origin does not cover.
    """
    own = origin.bucket if isinstance(origin, S3Origin) else ""
    if bucket in (None, own) and not is_pattern(own):
        return own
    if bucket is None:
        remedy = f'Name it for each call, for example bucket="{own.replace("*", "7")}".'
        what = f"the origin covers the buckets {own!r} and none of them is named"
        raise OptionRefused(what, where="bucket", remedy=remedy)
    if not isinstance(bucket, str) or not is_pattern(own) or not covers(own, bucket):
        remedy = f"It covers {own!r}; a '*' stands for lower case letters, digits and '-'."
        remedy = remedy if own else "Leave `bucket` out: the origin has none."
        raise OriginNotAllowed(
            f"the origin does not cover the bucket {bucket!r}", where="bucket", remedy=remedy
        )
    return bucket
