"""What of S3 cannot be had: refused now, in words, where the store would answer 403 or 400 later."""

from __future__ import annotations

import re

from xaccel.errors import ConfigError

_BUCKETS = (
    (
        re.compile(r"arn:[^:]*:s3::[^:]*:accesspoint[:/].*|.*\.mrap", re.DOTALL),
        "a multi-region access point, which wants Signature Version 4A",
        "Name the bucket of one region.",
    ),
    (
        re.compile(r"arn:[^:]*:s3-object-lambda:.*", re.DOTALL),
        "the ARN of an Object Lambda access point, which wants a signature of its own",
        "Name its alias, which ends in --ol-s3, or the bucket behind it.",
    ),
    (
        re.compile(r"arn:[^:]*:s3-outposts:.*|.*--op-s3", re.DOTALL),
        "an access point of S3 on Outposts, which wants a signature of its own",
        "Name a general purpose bucket.",
    ),
    (
        re.compile(r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint[:/].*", re.DOTALL),
        "the ARN of an access point",
        "Name its alias, which ends in -s3alias and stands where a bucket does.",
    ),
    (re.compile(r"arn:.*", re.DOTALL), "an ARN", "Name the bucket itself."),
    (
        re.compile(r".*--xa?-s3", re.DOTALL),
        "a directory bucket (S3 Express One Zone), which wants a session for each signature",
        "Name a general purpose bucket.",
    ),
)
_ENDPOINT = re.compile(
    r"https?://(?:[^/]*\.)?(?:s3express-[^/]*|s3-accesspoint[^/]*|s3-object-lambda[^/]*|s3-outposts[^/]*"
    r"|accesspoint\.s3-global)\.[^/]*(?:amazonaws|api\.aws)[^/]*(?:/.*)?",
    re.IGNORECASE | re.DOTALL,
)
SSE_C = "x-amz-server-side-encryption-customer-"
"""How the names of the headers begin (lower case) that bring the client's own key (SSE-C)."""


def bucket_problem(bucket: str, where: str) -> ConfigError | None:
    """Tell why a name in the place of a bucket cannot be had; None for a general purpose bucket and for an alias.

    Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    for pattern, kind, remedy in _BUCKETS:
        if pattern.fullmatch(bucket):
            return ConfigError(f"{bucket!r} is {kind}", where=where, remedy=remedy)
    return None


def endpoint_problem(endpoint_url: str, where: str) -> ConfigError | None:
    """Tell why an endpoint of Amazon's cannot be had: access points, Object Lambda, Outposts, zones of S3 Express."""
    if not _ENDPOINT.fullmatch(endpoint_url):
        return None
    return ConfigError(
        f"{endpoint_url!r} is the endpoint of another kind of bucket, which wants another signature",
        where=where,
        remedy="Leave it out for a general purpose bucket of Amazon S3.",
    )
