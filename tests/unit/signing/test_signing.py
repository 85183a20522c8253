from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from xaccel import ConfigError, S3Origin
from xaccel.signing import endpoint
from xaccel.signing.endpoint import Endpoint, resolve_endpoint
from xaccel.signing.signer import S3Signer
from xaccel.urls import quote_key

KEYS = [
    "a.pdf",
    "a%2Fb",
    "a?b=c&d",
    "a#b",
    "a+b c",
    "a//b",
    "/leading",
    "trailing/",
    "//",
    "\"quotes\" and 'more'",
    "line\r\nbreak\t\x01",
    "日本語/レポート.pdf",
    "e\u0301",
    "\u202e😀",
    "~-._!*'();:@&=$,[]{}|\\^`<>",
    "..",
    "a/../b",
    "./a",
    "k" * 1024,
]
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


OTHER_CALLS = [
    ("path", "key", "head_object"),
    ("path", "token", "get_object"),
    ("virtual", "token", "head_object"),
    ("path", "token", "head_object"),
]
"""Each pair of addressing style, kind of credentials and operation that is not in ("virtual", "key", "get_object")."""


@pytest.mark.parametrize(
    ("key", "style", "given_by", "operation"),
    [
        *((key, "virtual", "key", "get_object") for key in KEYS if key not in ("..", "a/../b", "./a")),
        *(("日本語/レポート.pdf", *call) for call in OTHER_CALLS),
    ],
)
def test_the_url_is_the_one_botocores_client_presigns(
    clients: dict[tuple[str, str], Any], key: str, style: Any, given_by: str, operation: str
) -> None:
    theirs = clients[style, given_by].generate_presigned_url(
        operation, Params={"Bucket": "documents", "Key": key}, ExpiresIn=120
    )
    place = resolve_endpoint(
        S3Origin(
            bucket="documents",
            region="ap-southeast-2",
            endpoint_url="https://store.example:9000",
            addressing_style=style,
        )
    )
    credentials = CREDENTIALS if given_by == "key" else WITH_TOKEN
    ours = S3Signer(region=place.region, expires_s=120).sign(
        place.base_url + quote_key(key, dots=True),
        "GET" if operation == "get_object" else "HEAD",
        credentials,
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
def test_a_stored_url_is_sent_as_it_is_and_signed_as_the_store_spells_it(stored: str, canonical: str) -> None:
    """A store decodes the path and encodes it anew before it compares signatures (tried with SeaweedFS: else 403)."""
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


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        (S3Origin(bucket="docs"), Endpoint("https://docs.s3.amazonaws.com/", "us-east-1", False)),
        (
            S3Origin(bucket="docs", endpoint_url="http://127.0.0.1:9000", region="x"),
            Endpoint("http://127.0.0.1:9000/docs/", "x", True),
        ),
        (
            S3Origin(
                bucket="docs",
                endpoint_url="https://Store.Example:443/",
                addressing_style="virtual",
                region="x",
            ),
            Endpoint("https://docs.store.example/", "x", False),
        ),
        (
            S3Origin(
                bucket="docs",
                endpoint_url="https://store.example/gateway",
                addressing_style="path",
                region="x",
            ),
            Endpoint("https://store.example/gateway/docs/", "x", True),
        ),
        (
            S3Origin(
                bucket="docs", endpoint_url="https://store.example/gw", addressing_style="virtual", region="x"
            ),
            Endpoint("https://docs.store.example/gw/", "x", True),
        ),
        (
            S3Origin(bucket="docs", endpoint_url="http://127.0.0.1:9001"),
            Endpoint("http://127.0.0.1:9001/docs/", "us-east-1", True),
        ),
    ],
)
def test_arguments_name_the_place_as_botocore_reads_them(origin: S3Origin, place: Endpoint) -> None:
    assert resolve_endpoint(origin) == place


@pytest.mark.usefixtures("fresh_endpoints")
def test_the_environment_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9333")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    assert resolve_endpoint(S3Origin(bucket="by-environment")) == Endpoint(
        "http://127.0.0.1:9333/by-environment/", "ap-southeast-2", True
    )
    assert resolve_endpoint(
        S3Origin(bucket="by-environment", endpoint_url="http://127.0.0.1:2")
    ).base_url == ("http://127.0.0.1:2/by-environment/")


@pytest.mark.usefixtures("fresh_endpoints")
def test_aws_region_is_read_where_this_botocore_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    theirs = Session().create_client("s3").meta.region_name
    place = resolve_endpoint(S3Origin(bucket="by-aws-region"))
    assert place.region == ("us-east-1" if theirs in (None, "aws-global") else theirs)


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_profile_names_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aws-config").write_text(
        "[profile virtual]\nregion = eu-north-1\nendpoint_url = https://store.example\n"
        "s3 =\n    addressing_style = virtual\n"
        "[profile path]\nregion = eu-north-1\ns3 =\n    addressing_style = path\n"
        "[profile dual]\nregion = eu-north-1\ns3 =\n    use_dualstack_endpoint = true\n"
        "[profile services]\nregion = eu-north-1\nservices = local\n"
        "[services local]\ns3 =\n    endpoint_url = http://127.0.0.1:9444\n"
    )

    def base(profile: str | None, bucket: str, **more: Any) -> str:
        return resolve_endpoint(S3Origin(bucket=bucket, profile=profile, **more)).base_url

    assert base("virtual", "profiled") == "https://profiled.store.example/"
    assert base("path", "profiled") == "https://s3.eu-north-1.amazonaws.com/profiled/"
    assert (
        base("path", "profiled", addressing_style="virtual")
        == "https://profiled.s3.eu-north-1.amazonaws.com/"
    )
    assert base("dual", "profiled") == "https://profiled.s3.dualstack.eu-north-1.amazonaws.com/"
    assert base("services", "profiled") == "http://127.0.0.1:9444/profiled/"
    monkeypatch.setenv("AWS_PROFILE", "dual")
    assert base(None, "by-aws-profile") == "https://by-aws-profile.s3.dualstack.eu-north-1.amazonaws.com/"


@pytest.mark.usefixtures("fresh_endpoints")
def test_other_credentials_or_another_prefix_are_not_resolved_again(tmp_path: Path) -> None:
    config = tmp_path / "aws-config"
    config.write_text("[profile once]\nregion = eu-west-1\n")
    first = resolve_endpoint(S3Origin(bucket="resolved-once", profile="once"))
    config.write_text("[profile once]\nregion = eu-west-2\n")
    again = resolve_endpoint(
        S3Origin(
            bucket="resolved-once", profile="once", prefix="p/", access_key="a", secret_key="b", expires_s=9
        )
    )
    assert again == first
    assert resolve_endpoint(S3Origin(bucket="resolved.now", profile="once")).region == "eu-west-2"


@pytest.mark.usefixtures("fresh_endpoints")
def test_plain_names_of_one_place_are_resolved_once_and_others_on_their_own() -> None:
    """botocore takes a tenth of a second each time: a thousand buckets would take minutes."""
    style: dict[str, Any] = {"region": "eu-west-1"}
    for number in range(50):
        place = resolve_endpoint(S3Origin(bucket=f"tenant-{number}", **style))
        assert place.base_url == f"https://tenant-{number}.s3.eu-west-1.amazonaws.com/"
    assert endpoint._resolve.cache_info().misses == 1
    for bucket, base in (
        ("with.dots", "https://s3.eu-west-1.amazonaws.com/with.dots/"),
        ("Under_Score", "https://s3.eu-west-1.amazonaws.com/Under_Score/"),
        ("two--hyphens", "https://two--hyphens.s3.eu-west-1.amazonaws.com/"),
        ("n" * 63, f"https://{'n' * 63}.s3.eu-west-1.amazonaws.com/"),
        ("n" * 64, f"https://s3.eu-west-1.amazonaws.com/{'n' * 64}/"),
    ):
        assert resolve_endpoint(S3Origin(bucket=bucket, **style)).base_url == base
    assert endpoint._resolve.cache_info().misses == 5


@pytest.mark.parametrize(
    ("origin", "of_pattern", "of_bucket"),
    [
        (
            S3Origin(bucket="tenant-*", region="eu-west-1"),
            "https://tenant-*.s3.eu-west-1.amazonaws.com/",
            "https://tenant-7.s3.eu-west-1.amazonaws.com/",
        ),
        (
            S3Origin(bucket="tenant-*", region="eu-west-1", addressing_style="path"),
            "https://s3.eu-west-1.amazonaws.com/tenant-*/",
            "https://s3.eu-west-1.amazonaws.com/tenant-7/",
        ),
        (
            S3Origin(bucket="tenant-*", endpoint_url="https://tenant.example/tenant", region="x"),
            "https://tenant.example/tenant/tenant-*/",
            "https://tenant.example/tenant/tenant-7/",
        ),
        (
            S3Origin(
                bucket="tenant-*",
                endpoint_url="https://store.example/gw",
                addressing_style="virtual",
                region="x",
            ),
            "https://tenant-*.store.example/gw/",
            "https://tenant-7.store.example/gw/",
        ),
    ],
)
def test_a_bucket_pattern_is_in_the_place_of_the_bucket(
    origin: S3Origin, of_pattern: str, of_bucket: str
) -> None:
    assert resolve_endpoint(origin).base_url == of_pattern
    assert resolve_endpoint(origin, "tenant-7").base_url == of_bucket


def test_dots_beside_the_star_mean_path_style_where_a_certificate_would_not_fit() -> None:
    origin = S3Origin(bucket="*.files.example", region="eu-west-1")
    assert resolve_endpoint(origin).base_url == "https://s3.eu-west-1.amazonaws.com/*.files.example/"


@pytest.mark.parametrize(
    "origin",
    [
        S3Origin(bucket="white space"),
        S3Origin(bucket="docs", region="no such region"),
        S3Origin(bucket="docs", endpoint_url="no-scheme"),
        S3Origin(bucket="docs", endpoint_url="http://bad host/"),
        S3Origin(bucket="docs", profile="no-such"),
        S3Origin(bucket="arn:aws:s3:eu-west-1:123456789012:nonsense/x"),
    ],
)
def test_a_refusal_of_botocore_is_a_configuration_error_on_one_line(origin: S3Origin) -> None:
    with pytest.raises(ConfigError) as told:
        resolve_endpoint(origin)
    assert "\n" not in str(told.value)
    assert origin.bucket in told.value.where


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_broken_shared_file_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "aws-config").write_text("this is no ini file\n")
    with pytest.raises(ConfigError, match="aws-config"):
        resolve_endpoint(S3Origin(bucket="broken-file"))


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_missing_botocore_is_an_error_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ConfigError, match="pip install botocore"):
        resolve_endpoint(S3Origin(bucket="without-botocore"))


@pytest.mark.parametrize(
    "version", ["3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo", "null", "a b/&=?#%"]
)
@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_a_version_is_asked_for_as_botocores_client_presigns_it(
    clients: dict[tuple[str, str], Any], version: str, method: str
) -> None:
    theirs = clients["virtual", "token"].generate_presigned_url(
        method, Params={"Bucket": "documents", "Key": "a b", "VersionId": version}, ExpiresIn=120
    )
    url = f"https://documents.store.example:9000/a%20b?versionId={quote_key(version, dots=True).replace('/', '%2F')}"
    signer = S3Signer(region="ap-southeast-2", expires_s=120)
    ours = signer.sign(url, "GET" if method == "get_object" else "HEAD", WITH_TOKEN, date_of(theirs))
    assert ours == theirs
