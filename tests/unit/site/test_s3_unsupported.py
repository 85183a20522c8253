from __future__ import annotations

import pytest

from tests.unit.site.mappings import problems
from xaccel import ConfigError, HTTPOrigin, S3Origin
from xaccel.signing.endpoint import resolve_endpoint

ACCOUNT = "123456789012"


OTHER_KINDS = f"""
    arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/reports arn:aws-cn:s3:cn-north-1:{ACCOUNT}:accesspoint:reports
    arn:aws:s3::{ACCOUNT}:accesspoint/mfzwi23gnjvgw.mrap mfzwi23gnjvgw.mrap arn:aws:s3:::reports arn:
    arn:aws:s3-object-lambda:eu-west-1:{ACCOUNT}:accesspoint/x
    arn:aws:s3-outposts:eu-west-1:{ACCOUNT}:outpost/op-1/accesspoint/x
    reports-o01ac5d28a6a232904e8xz5w8ijx1qzlbp3i3kuse10--op-s3 reports--use1-az5--x-s3 point--use1-az5--xa-s3
"""
PLAIN_AND_ALIASES = """
    reports reports-abc123def456-s3alias reports-abc123def456-ext-s3alias reports-0123456789abc--ol-s3 reports--table-s3
    arn-reports x-s3 mrap
"""


@pytest.mark.parametrize("bucket", OTHER_KINDS.split())
def test_a_bucket_type_with_another_signature_is_refused(bucket: str) -> None:
    [told] = problems(S3Origin(bucket=bucket), "XACCEL")
    assert str(told).startswith(f'XACCEL["bucket"]: {bucket!r} names another kind of bucket')
    with pytest.raises(ConfigError) as raised:  # also for an origin that no rule has read
        resolve_endpoint(S3Origin(bucket=bucket, region="us-east-1"))
    assert raised.value.what == told.what


@pytest.mark.parametrize("bucket", PLAIN_AND_ALIASES.split())
def test_general_purpose_buckets_and_aliases_are_taken(bucket: str) -> None:
    assert problems(S3Origin(bucket=bucket), "XACCEL") == []
    place = resolve_endpoint(S3Origin(bucket=bucket, region="eu-west-1"))
    assert place.base_url == f"https://{bucket}.s3.eu-west-1.amazonaws.com/"


@pytest.mark.parametrize("name", ["use_dualstack_endpoint", "use_fips_endpoint", "use_accelerate_endpoint"])
def test_a_custom_endpoint_has_no_variants(name: str) -> None:
    """botocore would connect to the plain one without a word."""
    url = "https://store.example"
    [told] = problems(S3Origin(bucket="docs", endpoint_url=url, **{name: True}), "XACCEL")  # type: ignore[arg-type]
    assert told.where == 'XACCEL["endpoint_url"]'
    assert list(problems(S3Origin(bucket="docs", endpoint_url=url, **{name: False}), "XACCEL")) == []  # type: ignore[arg-type]
    assert list(problems(S3Origin(bucket="docs", **{name: True}), "XACCEL")) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["algorithm", "key", "key-MD5"])
def test_a_key_of_the_clients_is_no_fixed_header(name: str) -> None:
    header = f"X-Amz-Server-Side-Encryption-Customer-{name}"
    origin = HTTPOrigin(base_url="https://files.example/", request_headers={header: "c2VjcmV0"})
    [told] = problems(origin, "XACCEL")
    assert "SSE-C" in told.what
    assert "c2VjcmV0" not in str(told)
