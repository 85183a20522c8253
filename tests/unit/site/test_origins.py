from __future__ import annotations

import dataclasses

import pytest

from xaccel import HTTPOrigin, LocalOrigin, S3Origin


@pytest.mark.parametrize(
    "origin",
    [S3Origin(bucket="docs"), HTTPOrigin(base_url="https://h.example/"), LocalOrigin(root="/srv")],
    ids=lambda origin: type(origin).__name__,
)
def test_an_origin_is_a_value(origin: S3Origin | HTTPOrigin | LocalOrigin) -> None:
    assert dataclasses.replace(origin) == origin
    assert hash(dataclasses.replace(origin)) == hash(origin)
    field = dataclasses.fields(origin)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(origin, field, "other")


def test_no_repr_of_an_origin_has_a_secret() -> None:
    s3 = S3Origin(bucket="docs", access_key="AKIAKEY", secret_key="hush-key", session_token="hush-token")
    web = HTTPOrigin(base_url="https://h.example/", request_headers={"Authorization": "Bearer hush"})
    assert "hush" not in repr(s3) + repr(web)
    assert "AKIAKEY" not in repr(s3)
    assert "docs" in repr(s3)


def test_other_credentials_are_another_origin() -> None:
    assert S3Origin(bucket="docs", access_key="a", secret_key="b") != S3Origin(bucket="docs")


def test_certificates_are_verified_and_a_403_is_an_error_unless_the_site_says_otherwise() -> None:
    bucket, server = S3Origin(bucket="docs"), HTTPOrigin(base_url="https://h.example/")
    assert bucket.verify_tls
    assert server.verify_tls
    assert not bucket.treat_403_as_404
