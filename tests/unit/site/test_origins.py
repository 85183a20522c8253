from __future__ import annotations

from xaccel import HTTPOrigin, S3Origin


def test_no_repr_of_an_origin_has_a_secret() -> None:
    s3 = S3Origin(bucket="docs", access_key="AKIAKEY", secret_key="hush-key", session_token="hush-token")
    web = HTTPOrigin(base_url="https://h.example/", request_headers={"Authorization": "Bearer hush"})
    assert "hush" not in repr(s3) + repr(web)
    assert "AKIAKEY" not in repr(s3)
    assert "docs" in repr(s3)


def test_certificates_are_verified_and_a_403_is_an_error_unless_the_site_says_otherwise() -> None:
    bucket, server = S3Origin(bucket="docs"), HTTPOrigin(base_url="https://h.example/")
    assert bucket.verify_tls
    assert server.verify_tls
    assert not bucket.treat_403_as_404
