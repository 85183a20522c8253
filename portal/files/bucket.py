"""Objects that the portal stores itself."""

from __future__ import annotations

from typing import IO, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from portal.files.models import File


class StoringFailed(RuntimeError):
    """The bucket did not take an object; the message says why."""


def put(file: File, content: IO[bytes] | bytes) -> str:
    """Store `content` as the object of `file`, in a bucket that is made if it is missing. Return its entity tag.

    Raises StoringFailed.
    """
    origin: dict[str, Any] = settings.XACCEL["ORIGINS"][file.origin]
    if origin["type"] != "s3":
        raise StoringFailed(
            f"The origin {file.origin} is not of type s3. Store the object there by other means."
        )
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=origin.get("endpoint_url"),
        region_name=origin.get("region"),
        aws_access_key_id=origin.get("access_key"),
        aws_secret_access_key=origin.get("secret_key"),
        config=Config(s3={"addressing_style": origin.get("addressing_style") or "auto"}, connect_timeout=10),
    )
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
