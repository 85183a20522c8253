"""Sign the policy of a form, with which a browser sends a file to S3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from xaccel.signing.endpoint import Endpoint

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


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
