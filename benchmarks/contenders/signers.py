"""Sign URLs with xaccel and with its alternatives, each as its documentation has it.

All sign for the same storage, bucket and keys, for the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

Sign = Callable[[str], str]

REGION = "us-east-1"
ENDPOINT = "http://127.0.0.1:9"
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BUCKET = "documents"
EXPIRES_S = 120


def origin(token: str | None = None) -> Any:
    """Return the origin that xaccel signs for."""
    from xaccel.site.origins import S3Origin

    found = S3Origin(
        bucket=BUCKET,
        endpoint_url=ENDPOINT,
        region=REGION,
        addressing_style="path",
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        expires_s=EXPIRES_S,
    )
    return replace(found, session_token=token)


def xaccel(token: str | None = None) -> Sign:
    """What `Sender.hand_off` does for an S3 origin between the key and the signed URL."""
    from xaccel.signing.credentials import CredentialSource
    from xaccel.signing.endpoint import resolve_endpoint
    from xaccel.signing.signer import S3Signer
    from xaccel.urls import quote_key

    bucket = origin(token)
    source = CredentialSource(bucket)

    def sign(key: str) -> str:
        endpoint = resolve_endpoint(bucket)
        signer = S3Signer(region=endpoint.region, expires_s=bucket.expires_s)
        url = endpoint.base_url + quote_key(key, dots=False)
        return signer.sign(url, "GET", source.current(), datetime.now(UTC))

    return sign


def boto3(token: str | None = None) -> Sign:
    """One client for all threads: https://docs.aws.amazon.com/boto3/latest/guide/s3-presigned-urls.html."""
    import boto3
    from botocore.config import Config

    client = boto3.session.Session().client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def sign(key: str) -> str:
        params = {"Bucket": BUCKET, "Key": key}
        found: str = client.generate_presigned_url("get_object", Params=params, ExpiresIn=EXPIRES_S)
        return found

    return sign


def django_storages() -> Sign:
    """https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html."""
    from django.core.files.storage import storages

    from benchmarks.servers import app  # noqa: F401  # configures Django

    storage = storages["default"]
    return lambda key: storage.url(key, expire=EXPIRES_S)  # type: ignore[call-arg]


def minio() -> Sign:
    """https://docs.min.io/enterprise/aistor-object-store/developers/sdk/python/api/ (presigned_get_object)."""
    from minio import Minio

    client = Minio(
        endpoint=ENDPOINT.removeprefix("http://"),
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        secure=False,
        region=REGION,
    )
    return lambda key: client.presigned_get_object(
        bucket_name=BUCKET, object_name=key, expires=timedelta(seconds=EXPIRES_S)
    )


def obstore() -> Sign:
    """https://developmentseed.org/obstore/latest/api/sign/."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=ENDPOINT,
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
    )
    return lambda key: obstore.sign(store, "GET", key, timedelta(seconds=EXPIRES_S))


SIGNERS: Mapping[str, Callable[[], Sign]] = {
    "xaccel": xaccel,
    "boto3": boto3,
    "django-storages": django_storages,
    "minio": minio,
    "obstore": obstore,
}
"""Each makes what signs an object key."""
