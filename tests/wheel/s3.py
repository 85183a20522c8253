"""The extra s3: a signed hand-off. Amazon's own worked example, but for the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from botocore.credentials import ReadOnlyCredentials

from xaccel import ObjectRef, S3Origin, Sender, Site
from xaccel.signing.signer import S3Signer

ORIGIN = S3Origin(
    bucket="examplebucket",
    region="us-east-1",
    endpoint_url="https://s3.amazonaws.com",
    addressing_style="virtual",
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
site = Site(origins={"example": ORIGIN}, secrets=("0123456789-abcdefghijklmnopqrstuv",))
url = dict(Sender(site).hand_off(ObjectRef("example", "test.txt"), method="HEAD").headers)["Xaccel-Url"]
assert url.startswith("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&"), (
    url
)
assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["120"]

signed = S3Signer(region="us-east-1", expires_s=86400).sign(
    "https://examplebucket.s3.amazonaws.com/test.txt",
    "GET",
    ReadOnlyCredentials(ORIGIN.access_key, ORIGIN.secret_key, None),
    datetime(2013, 5, 24, tzinfo=UTC),
)
assert signed.endswith("=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), signed
