"""Endpoint and region of a bucket: the same as those of a botocore client with the same arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from xaccel import ConfigError, S3Origin
from xaccel.signing import endpoint
from xaccel.signing.endpoint import client_options, resolve_endpoint
from xaccel.urls import canonical_base

REGIONS = [None, "us-east-1", "aws-global", "fips-us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
BUCKETS = ["docs", "do.cs", "Docs_Old", "reports-abc123def456-s3alias"]
VARIANTS: list[dict[str, Any]] = [
    {},
    {"use_dualstack_endpoint": True},
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True, "use_fips_endpoint": True},
]
MORE: list[dict[str, Any]] = [
    {"region": "cn-northwest-1", "use_dualstack_endpoint": True},
    {"region": "us-gov-east-1", "use_fips_endpoint": True},
    {"region": "us-iso-east-1"},
    {"region": "eusc-de-east-1"},
    {"region": "somewhere-new-9"},
    {"region": "eu-central-1", "use_accelerate_endpoint": True},
    {"region": "eu-central-1", "use_accelerate_endpoint": True, "use_dualstack_endpoint": True},
    {"region": "eu-central-1", "use_accelerate_endpoint": True, "use_fips_endpoint": True},
    {"bucket": "do.cs", "region": "eu-central-1", "use_accelerate_endpoint": True},
    {"region": "eu-central-1", "addressing_style": "path", "use_dualstack_endpoint": True},
    {"bucket": "do.cs", "region": "eu-central-1", "addressing_style": "virtual"},
]
CUSTOM: list[dict[str, Any]] = [
    {"endpoint_url": "http://127.0.0.1:9001"},
    {"region": "x", "endpoint_url": "http://127.0.0.1:9000"},
    {"region": "x", "endpoint_url": "https://Store.Example:443/", "addressing_style": "virtual"},
    {"region": "x", "endpoint_url": "https://store.example/gateway", "addressing_style": "path"},
    {"region": "x", "endpoint_url": "https://store.example/gw", "addressing_style": "virtual"},
    {"region": "eu-west-1", "endpoint_url": "https://s3-accelerate.amazonaws.com"},
]
CASES: list[dict[str, Any]] = [
    *({"region": region, **variant} for region in REGIONS for variant in VARIANTS),
    *(
        {"bucket": bucket, "region": region}
        for bucket in BUCKETS[1:]
        for region in ("us-east-1", "cn-north-1")
    ),
    *MORE,
    *CUSTOM,
]


ENDPOINTS = {
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9333",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_DEFAULT_REGION": "ap-southeast-2",
}
PLAIN = "https://chosen.s3.eu-west-3.amazonaws.com/"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


def where_a_client_goes(
    session: Session,
    *,
    bucket: str,
    region: str | None = None,
    endpoint_url: str | None = None,
    **options: Any,
) -> tuple[str, str] | type[Exception]:
    """URL of the object "k" and region of the signature, of a request that botocore signed and was about to send."""
    sent = []

    def keep(request: Any, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, type("Raw", (), {"stream": lambda *_: iter([b""])})())

    fips = options.pop("use_fips_endpoint", None)
    try:
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=Config(use_fips_endpoint=fips, **({"s3": options} if options else {})),
        )
        client.meta.events.register_last("before-send.s3.GetObject", keep)
        client.get_object(Bucket=bucket, Key="k")
    except BotoCoreError as error:
        return type(error)
    scope = sent[0].headers["Authorization"].decode().split("Credential=AKID/")[1]
    assert scope.split("/")[2] == "s3"
    return sent[0].url, scope.split("/")[1]


@pytest.mark.parametrize("case", CASES)
def test_a_bucket_has_the_address_that_botocores_client_uses(case: dict[str, Any], session: Session) -> None:
    origin = S3Origin(**{"bucket": "docs", **case})
    theirs = where_a_client_goes(session, **{"bucket": "docs", **case})
    refused = case.get("use_fips_endpoint") and (
        str(case["region"]).startswith("cn-") or case.get("use_accelerate_endpoint")
    )
    assert isinstance(theirs, type) == bool(
        refused or (origin.use_accelerate_endpoint and "." in origin.bucket)
    )
    if isinstance(theirs, type):
        with pytest.raises(ConfigError, match="botocore cannot resolve it"):
            resolve_endpoint(origin)
        return
    place = resolve_endpoint(origin)
    assert (place.base_url, place.region) == (canonical_base(theirs[0].removesuffix("k")), theirs[1])
    assert place.path_style == (urlsplit(theirs[0]).path != "/k")


@pytest.mark.usefixtures("fresh_endpoints")
@pytest.mark.parametrize(
    ("variables", "more", "base"),
    [
        (ENDPOINTS, {}, "http://127.0.0.1:9333/chosen/"),
        (ENDPOINTS, {"endpoint_url": "http://127.0.0.1:2"}, "http://127.0.0.1:2/chosen/"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {}, "https://chosen.s3.dualstack.eu-west-3.amazonaws.com/"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {"use_dualstack_endpoint": False}, PLAIN),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, {}, "https://chosen.s3-fips.eu-west-3.amazonaws.com/"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, {"use_fips_endpoint": False}, PLAIN),
        (
            {"AWS_DEFAULT_REGION": "us-east-1", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"},
            {},
            "https://chosen.s3.us-east-1.amazonaws.com/",
        ),
    ],
)
def test_the_environment_chooses_the_place_and_an_origin_may_differ(
    variables: dict[str, str], more: dict[str, Any], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_DEFAULT_REGION": "eu-west-3", **variables}.items():
        monkeypatch.setenv(name, value)
    place = resolve_endpoint(S3Origin(bucket="chosen", **more))
    assert (place.base_url, place.region) == (base, variables.get("AWS_DEFAULT_REGION", "eu-west-3"))


@pytest.mark.usefixtures("fresh_endpoints")
def test_aws_region_is_read_where_this_botocore_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    theirs = Session().create_client("s3").meta.region_name
    place = resolve_endpoint(S3Origin(bucket="by-aws-region"))
    assert place.region == ("us-east-1" if theirs in (None, "aws-global") else theirs)


PROFILES = """
[profile virtual]
region = eu-north-1
endpoint_url = https://store.example
s3 =
    addressing_style = virtual
[profile path]
region = eu-north-1
s3 =
    addressing_style = path
[profile services]
region = eu-north-1
services = local
[services local]
s3 =
    endpoint_url = http://127.0.0.1:9444
[profile fips]
region = eu-north-1
use_fips_endpoint = true
[profile dual]
region = eu-north-1
use_dualstack_endpoint = true
[profile dual-s3]
region = eu-north-1
s3 =
    use_dualstack_endpoint = true
[profile fast]
region = eu-north-1
s3 =
    use_accelerate_endpoint = true
[profile regional]
region = us-east-1
s3 =
    us_east_1_regional_endpoint = regional
"""


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_profile_chooses_the_place_and_an_origin_may_differ(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "aws-config").write_text(PROFILES)

    def place(profile: str | None, **more: Any) -> str:
        return resolve_endpoint(S3Origin(bucket="chosen", profile=profile, **more)).base_url

    def host(profile: str | None, **more: Any) -> str:
        return place(profile, **more).removeprefix("https://chosen.").removesuffix(".amazonaws.com/")

    assert place("virtual") == "https://chosen.store.example/"
    assert place("path") == "https://s3.eu-north-1.amazonaws.com/chosen/"
    assert place("services") == "http://127.0.0.1:9444/chosen/"
    assert host("path", addressing_style="virtual") == "s3.eu-north-1"
    assert host("fips") == "s3-fips.eu-north-1"
    assert host("fips", use_fips_endpoint=False) == "s3.eu-north-1"
    assert host("fast") == "s3-accelerate"
    assert host("fast", use_accelerate_endpoint=False) == "s3.eu-north-1"
    assert host("regional") == "s3.us-east-1"
    for profile in ("dual", "dual-s3"):
        assert host(profile) == "s3.dualstack.eu-north-1"
        assert host(profile, use_dualstack_endpoint=False) == "s3.eu-north-1"
    monkeypatch.setenv("AWS_PROFILE", "dual")
    assert resolve_endpoint(S3Origin(bucket="by-profile")).base_url.startswith(
        "https://by-profile.s3.dualstack."
    )


def test_missing_settings_are_left_to_botocore() -> None:
    assert client_options(S3Origin(bucket="docs")) == {"use_fips_endpoint": None}


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
    ("options", "base"),
    [
        ({"region": "eu-west-1"}, "https://{}.s3.eu-west-1.amazonaws.com/"),
        ({"region": "eu-west-1", "addressing_style": "path"}, "https://s3.eu-west-1.amazonaws.com/{}/"),
        ({"endpoint_url": "https://tenant.example/tenant"}, "https://tenant.example/tenant/{}/"),
        (
            {"endpoint_url": "https://store.example/gw", "addressing_style": "virtual"},
            "https://{}.store.example/gw/",
        ),
    ],
)
def test_a_bucket_pattern_is_in_the_place_of_the_bucket(options: dict[str, Any], base: str) -> None:
    origin = S3Origin(**{"bucket": "tenant-*", "region": "x", **options})
    assert resolve_endpoint(origin).base_url == base.format("tenant-*")
    assert resolve_endpoint(origin, "tenant-7").base_url == base.format("tenant-7")


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
