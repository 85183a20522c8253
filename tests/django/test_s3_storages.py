"""S3 options of django-storages beyond the bucket: who pays, the endpoint, the encryption key."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from django.core.files.storage import storages
from storages.backends.s3 import S3Storage

from tests.django.storage_files import GET, STORAGE, describe, file_on, s3
from xaccel import ConfigError, ConfigErrors
from xaccel.django import check_file, send_file
from xaccel.django.conf import configuration
from xaccel.errors import InputRefused, KeyRefused
from xaccel.site.origins import S3Origin

SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}


def described(**options: Any) -> S3Origin:
    origin = describe(s3(**options))
    assert isinstance(origin, S3Origin)
    return origin


def test_a_storage_that_pays_pays_for_its_downloads() -> None:
    storage = s3(object_parameters={"RequestPayer": "requester"})
    url = send_file(GET, file_on(storage, "x"))["Xaccel-Url"]
    assert parse_qs(urlsplit(url).query)["x-amz-request-payer"] == ["requester"]
    assert "x-amz-request-payer" not in send_file(GET, file_on(s3(), "x"))["Xaccel-Url"]


def test_an_origin_that_pays_pays_for_every_storage(site: Any) -> None:
    site(
        ORIGINS={
            "docs": {
                "type": "s3",
                "bucket": "acme-documents",
                "region": "eu-central-1",
                "request_payer": True,
            }
        }
    )
    assert "x-amz-request-payer=requester" in send_file(GET, file_on(s3(), "x"))["Xaccel-Url"]


@pytest.mark.parametrize(
    ("config", "host"),
    [
        (Config(use_dualstack_endpoint=True), "s3.dualstack.eu-central-1"),
        (Config(s3={"use_dualstack_endpoint": True}), "s3.dualstack.eu-central-1"),
        (Config(use_dualstack_endpoint=True, s3={"use_dualstack_endpoint": False}), "s3.eu-central-1"),
        (Config(use_fips_endpoint=True), "s3-fips.eu-central-1"),
        (Config(s3={"use_accelerate_endpoint": True}), "s3-accelerate"),
    ],
    ids=["dual-stack", "dual-stack in s3", "dual-stack off in s3", "FIPS", "accelerate"],
)
def test_the_endpoint_is_the_one_of_the_storages_client(
    site: Any, settings: Any, config: Config, host: str
) -> None:
    options = {**STORAGE, "client_config": config}
    settings.STORAGES = {"default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}
    site(ORIGINS={"docs": {"storage": "default"}})
    url = send_file(GET, file_on(S3Storage(**options), "x"), version_id="v1")["Xaccel-Url"]
    assert url.startswith(f"https://acme-documents.{host}.amazonaws.com/tenant-a/x?versionId=v1&")


@pytest.mark.parametrize(
    "options",
    [
        {"object_parameters": SSE_C},
        {"bucket_name": "arn:aws:s3:eu-west-1:123456789012:accesspoint/reports"},
        {"bucket_name": "reports--use1-az5--x-s3"},
    ],
    ids=["SSE-C", "ARN", "S3 Express"],
)
def test_an_unsupported_bucket_is_an_error_at_configuration_and_at_the_call(
    site: Any, settings: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as told:
        described(**options)
    assert "k" * 32 not in str(told.value)
    with pytest.raises(InputRefused, match=told.value.what.split()[-1]):
        send_file(GET, file_on(s3(**options), "x"))
    settings.STORAGES = {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**STORAGE, **options}}
    }
    site(ORIGINS={"docs": {"storage": "default"}})
    with pytest.raises(ConfigErrors, match=told.value.what.split()[-1]):
        configuration()


def test_a_key_in_the_origin_of_a_storage_is_requested_as_it_is(site: Any, settings: Any) -> None:
    """S3 stores it under this name; the storage would normalise the name of a file."""
    settings.STORAGES = {"default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": STORAGE}}
    site(ORIGINS={"docs": {"storage": "default"}})
    key = "a//b/./c.pdf"
    check_file(key, origin="docs")
    assert urlsplit(send_file(GET, key, origin="docs")["Xaccel-Url"]).path == f"/tenant-a/{key}"


class SomeEncrypted(S3Storage):
    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return SSE_C if name.startswith("tenant-a/secret/") else {}


def test_a_key_for_some_files_is_refused_for_those(site: Any, settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": f"{__name__}.SomeEncrypted", "OPTIONS": STORAGE}}
    site(ORIGINS={"docs": {"storage": "default"}})
    storage = storages["default"]
    assert "Xaccel-Url" in send_file(GET, file_on(storage, "open/x"))
    for secret in (file_on(storage, "secret/x"), "secret/x"):
        with pytest.raises(KeyRefused, match="SSE-C"):
            send_file(GET, secret, origin="docs")
