"""What of S3 xaccel does not support: refused when the settings are read, where the store would answer 403 or 400."""

from __future__ import annotations

import re

from xaccel.errors import ConfigError
from xaccel.site.setting import Rule

SSE_C = "x-amz-server-side-encryption-customer-"
"""How the names of the headers begin (lower case) that bring the client's own key (SSE-C)."""


def _refused(pattern: str, kind: str, remedy: str) -> Rule:
    matching = re.compile(pattern, re.DOTALL)
    return Rule(lambda value: not matching.fullmatch(value), f"{{}} is {kind}", remedy)


BUCKET_KINDS = (
    _refused(
        r"arn:[^:]*:s3::[^:]*:accesspoint[:/].*|.*\.mrap",
        "a multi-region access point, which wants Signature Version 4A",
        "Name the bucket of one region.",
    ),
    _refused(
        r"arn:[^:]*:s3-object-lambda:.*",
        "the ARN of an Object Lambda access point, which wants a signature of its own",
        "Name its alias, which ends in --ol-s3, or the bucket behind it.",
    ),
    _refused(
        r"arn:[^:]*:s3-outposts:.*|.*--op-s3",
        "an access point of S3 on Outposts, which wants a signature of its own",
        "Name a general purpose bucket.",
    ),
    _refused(
        r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint[:/].*",
        "the ARN of an access point",
        "Name its alias, which ends in -s3alias and stands where a bucket does.",
    ),
    _refused(r"arn:.*", "an ARN", "Name the bucket itself."),
    _refused(
        r".*--xa?-s3",
        "a directory bucket (S3 Express One Zone), which wants a session for each signature",
        "Name a general purpose bucket.",
    ),
)
"""Names in the place of a bucket; general purpose buckets and aliases pass.

Suffixes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

ENDPOINT_KIND = _refused(
    r"(?i:https?://(?:[^/]*\.)?(?:s3express-[^/]*|s3-accesspoint[^/]*|s3-object-lambda[^/]*|s3-outposts[^/]*"
    r"|accesspoint\.s3-global)\.[^/]*(?:amazonaws|api\.aws)[^/]*(?:/.*)?)",
    "the endpoint of another kind of bucket, which wants another signature",
    "Leave it out for a general purpose bucket of Amazon S3.",
)
"""Amazon's endpoints of access points, Object Lambda, Outposts and zones of S3 Express."""


def unsupported(bucket: str, where: str, *, endpoint_url: str = "") -> ConfigError | None:
    """Return why xaccel does not support a bucket or an endpoint; None if it does."""
    rules = [(rule, bucket) for rule in BUCKET_KINDS] + [(ENDPOINT_KIND, endpoint_url)]
    wrong = next((wrong for rule, value in rules for wrong in rule(value)), None)
    return wrong and ConfigError(wrong[0], where=where, remedy=wrong[1])
