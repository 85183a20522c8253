"""Endpoint and region of a bucket: the same as those of a botocore client with the same arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from xaccel import ConfigError, S3Origin
from xaccel.signing.endpoint import client_options, resolve_endpoint

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
CASES: list[dict[str, Any]] = [
    *({"region": region, **variant} for region in REGIONS for variant in VARIANTS),
    *(
        {"bucket": bucket, "region": region}
        for bucket in BUCKETS[1:]
        for region in ("us-east-1", "cn-north-1")
    ),
    *MORE,
]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


def where_a_client_goes(
    session: Session, *, bucket: str, region: str | None = None, **options: Any
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
    assert (f"{place.base_url}k", place.region) == theirs
    assert place.path_style == (urlsplit(theirs[0]).path != "/k")


@pytest.mark.parametrize(
    ("options", "host", "region"),
    [
        (
            {"region": "eu-west-1", "endpoint_url": "https://s3-accelerate.amazonaws.com"},
            "docs.s3-accelerate.amazonaws.com",
            None,
        ),
        (
            {"region": "aws-global", "use_fips_endpoint": True},
            "docs.s3-fips.us-east-1.amazonaws.com",
            "us-east-1",
        ),
    ],
)
def test_the_hosts_are_those_that_amazon_documents(
    options: dict[str, Any], host: str, region: str | None
) -> None:
    """https://docs.aws.amazon.com/general/latest/gr/s3.html"""
    place = resolve_endpoint(S3Origin(bucket="docs", **options))
    assert (place.base_url, place.region) == (f"https://{host}/", region or options["region"])


@pytest.mark.usefixtures("fresh_endpoints")
@pytest.mark.parametrize(
    ("name", "dns"),
    [
        ("AWS_USE_DUALSTACK_ENDPOINT", "by-env.s3.dualstack.eu-west-3.amazonaws.com"),
        ("AWS_USE_FIPS_ENDPOINT", "by-env.s3-fips.eu-west-3.amazonaws.com"),
    ],
)
def test_the_environment_chooses_them_too_and_an_origin_may_differ(
    name: str, dns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = f"by-env-{name[8:12].strip('_').lower()}"
    monkeypatch.setenv(name, "true")
    origin = S3Origin(bucket=bucket, region="eu-west-3")
    assert resolve_endpoint(origin).base_url == f"https://{dns.replace('by-env', bucket)}/"
    plain = S3Origin(bucket=bucket, region="eu-west-3", use_dualstack_endpoint=False, use_fips_endpoint=False)
    assert resolve_endpoint(plain).base_url == f"https://{bucket}.s3.eu-west-3.amazonaws.com/"


@pytest.mark.usefixtures("fresh_endpoints")
def test_a_profile_chooses_them_too_and_an_origin_may_differ(tmp_path: Path) -> None:
    (tmp_path / "aws-config").write_text(
        "[profile fips]\nregion = eu-north-1\nuse_fips_endpoint = true\n"
        "[profile dual]\nregion = eu-north-1\nuse_dualstack_endpoint = true\n"
        "[profile dual-s3]\nregion = eu-north-1\ns3 =\n    use_dualstack_endpoint = true\n"
        "[profile fast]\nregion = eu-north-1\ns3 =\n    use_accelerate_endpoint = true\n"
        "[profile regional]\nregion = us-east-1\ns3 =\n    us_east_1_regional_endpoint = regional\n"
    )

    def host(profile: str, **more: Any) -> str:
        place = resolve_endpoint(S3Origin(bucket="chosen", profile=profile, **more))
        return place.base_url.removeprefix("https://chosen.").removesuffix(".amazonaws.com/")

    assert host("fips") == "s3-fips.eu-north-1"
    assert host("fips", use_fips_endpoint=False) == "s3.eu-north-1"
    assert host("fast") == "s3-accelerate"
    assert host("fast", use_accelerate_endpoint=False) == "s3.eu-north-1"
    assert host("regional") == "s3.us-east-1"
    for profile in ("dual", "dual-s3"):
        assert host(profile) == "s3.dualstack.eu-north-1"
        assert host(profile, use_dualstack_endpoint=False) == "s3.eu-north-1"


@pytest.mark.usefixtures("fresh_endpoints")
def test_us_east_1_has_a_regional_endpoint_if_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "regional")
    place = resolve_endpoint(S3Origin(bucket="regional-by-env", region="us-east-1"))
    assert place.base_url == "https://regional-by-env.s3.us-east-1.amazonaws.com/"


def test_missing_settings_are_left_to_botocore() -> None:
    assert client_options(S3Origin(bucket="docs")) == {"use_fips_endpoint": None}
