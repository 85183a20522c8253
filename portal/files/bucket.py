"""Objects that the portal stores and deletes itself."""

from __future__ import annotations

from typing import IO, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from portal.files.models import File

_DELETE_WITHIN_S = 5
"""Seconds to connect and to respond: a transaction is open meanwhile, and a user waits for the page."""


class StoringFailed(RuntimeError):
    """The bucket did not take an object; the message says why."""


class DeletingFailed(RuntimeError):
    """The bucket did not delete an object; the message says why."""


def put(file: File, content: IO[bytes] | bytes) -> str:
    """Store `content` as the object of `file`, in a bucket that is made if it is missing. Return its entity tag.

    Raises StoringFailed.
    """
    origin: dict[str, Any] = settings.XACCEL["ORIGINS"][file.origin]
    if origin["type"] != "s3":
        raise StoringFailed(
            f"The origin {file.origin} is not of type s3. Store the object there by other means."
        )
    client = _client(origin, connect_timeout=10)
    try:
        try:
            client.head_bucket(Bucket=origin["bucket"])
        except ClientError:
            client.create_bucket(Bucket=origin["bucket"])
        done = client.put_object(
            Bucket=origin["bucket"], Key=file.key, Body=content, ContentType=file.content_type
        )
        return str(done["ETag"])
    except (BotoCoreError, ClientError) as error:
        raise StoringFailed(f"The storage did not take {file.name}: {error}") from error


def delete(origin_name: str, key: str) -> None:
    """Delete an object. One that is missing is deleted. Raises DeletingFailed."""
    origin: dict[str, Any] = settings.XACCEL["ORIGINS"].get(origin_name, {})
    if origin.get("type") != "s3":
        raise DeletingFailed(f"The object {key!r} stays: {origin_name} is no origin of type s3 any more")
    timeouts = {"connect_timeout": _DELETE_WITHIN_S, "read_timeout": _DELETE_WITHIN_S}
    client = _client(origin, retries={"total_max_attempts": 1}, **timeouts)
    try:
        client.delete_object(Bucket=origin["bucket"], Key=key)
    except (BotoCoreError, ClientError) as error:
        raise DeletingFailed(f"The storage did not delete the object {key!r}: {error}") from error


def _client(origin: dict[str, Any], **options: Any) -> Any:
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=origin.get("endpoint_url"),
        region_name=origin.get("region"),
        aws_access_key_id=origin.get("access_key"),
        aws_secret_access_key=origin.get("secret_key"),
        config=Config(s3={"addressing_style": origin.get("addressing_style") or "auto"}, **options),
    )
