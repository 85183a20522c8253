from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from xaccel import S3Origin
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.signing.signer import S3Signer
from xaccel.urls import quote_key

CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
WITH_TOKEN = ReadOnlyCredentials("ASIAEXAMPLE", "secret/+=", "FwoGZXIvYXdzE+/=token")
NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)


def date_of(signed: str) -> datetime:
    (stamp,) = parse_qs(urlsplit(signed).query)["X-Amz-Date"]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def clients() -> dict[tuple[str, str], Any]:
    made = {}
    for style in ("path", "virtual"):
        for name, credentials in (("key", CREDENTIALS), ("token", WITH_TOKEN)):
            session = Session()
            session.set_credentials(credentials.access_key, credentials.secret_key, credentials.token)
            made[style, name] = session.create_client(
                "s3",
                region_name="ap-southeast-2",
                endpoint_url="https://store.example:9000",
                config=Config(signature_version="s3v4", s3={"addressing_style": style}),
            )
    return made


KEY = "日本語/a//b +%2F?#~'\r\n*\\.pdf"


@pytest.mark.parametrize(
    ("style", "given_by", "operation", "version"),
    [
        ("virtual", "key", "get_object", None),
        ("path", "key", "head_object", None),
        ("path", "token", "get_object", "null"),
        ("virtual", "token", "head_object", "a b/&=?#%"),
        ("path", "token", "head_object", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"),
    ],
)
def test_the_url_is_the_one_botocores_client_presigns(
    clients: dict[tuple[str, str], Any], style: Any, given_by: str, operation: str, version: str | None
) -> None:
    """With each pair of addressing style, kind of credentials and operation. The next test has other keys."""
    asked = {"Bucket": "documents", "Key": KEY, **({"VersionId": version} if version else {})}
    theirs = clients[style, given_by].generate_presigned_url(operation, Params=asked, ExpiresIn=120)
    place = resolve_endpoint(
        S3Origin(
            bucket="documents",
            region="ap-southeast-2",
            endpoint_url="https://store.example:9000",
            addressing_style=style,
        )
    )
    ours = S3Signer(region=place.region, expires_s=120).sign(
        place.base_url
        + quote_key(KEY, dots=True)
        + (f"?versionId={quote(version, safe='')}" if version else ""),
        "GET" if operation == "get_object" else "HEAD",
        CREDENTIALS if given_by == "key" else WITH_TOKEN,
        date_of(theirs),
    )
    assert ours == theirs


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40))
def test_any_key_is_signed_as_botocore_signs_it(key: str) -> None:
    url = "https://docs.s3.amazonaws.com/" + quote_key(key, dots=True)
    request = AWSRequest(method="GET", url=url)
    S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", 60).add_auth(request)
    signed = S3Signer(region="us-east-1", expires_s=60).sign(url, "GET", CREDENTIALS, date_of(request.url))
    assert signed == request.url


@pytest.mark.parametrize(
    ("stored", "canonical"),
    [
        ("a(1)!'*.pdf", "a%281%29%21%27%2A.pdf"),
        ("a%2bb.pdf", "a%2Bb.pdf"),
        ("%e6%97%a5", "%E6%97%A5"),
        ("%70lain.pdf", "plain.pdf"),
        ("a=b&c;d@e:f,g$h+i", "a%3Db%26c%3Bd%40e%3Af%2Cg%24h%2Bi"),
        ("%FF", "%FF"),
        ("%", "%25"),
        ("//a//", "//a//"),
        ("%7ea~", "~a~"),
    ],
)
def test_a_stored_url_is_sent_as_it_is_and_signed_as_the_storage_spells_it(
    stored: str, canonical: str
) -> None:
    """A storage decodes the path and encodes it anew before it compares signatures (tried with SeaweedFS: else 403)."""
    base = "https://docs.s3.eu-west-1.amazonaws.com/"
    signer = S3Signer(region="eu-west-1", expires_s=60)
    path, _, query = signer.sign(base + stored, "GET", CREDENTIALS, NOON).partition("?")
    assert path == base + stored
    assert query == signer.sign(base + canonical, "GET", CREDENTIALS, NOON).partition("?")[2]


def test_the_zone_of_the_clock_plays_no_part() -> None:
    signer = S3Signer(region="eu-west-1", expires_s=60)
    away = NOON.astimezone(timezone(timedelta(hours=11)))
    assert signer.sign("https://d.example/k", "GET", CREDENTIALS, away) == signer.sign(
        "https://d.example/k", "GET", CREDENTIALS, NOON
    )
