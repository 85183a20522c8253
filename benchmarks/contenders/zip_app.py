"""The app of the archives: one Django project that sends them with xaccel, and with zipstream-ng through Python.

ZIP_FOLDER has `site.json`, settings.XACCEL, and for each archive `<name>.json` (`zip_groups.Group`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

FOLDER = Path(os.environ["ZIP_FOLDER"])

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for measurements",
        INSTALLED_APPS=["xaccel.django"],
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["benchmarks.contenders.calls.counted", "xaccel.django.HandOffMiddleware"],
        XACCEL=json.loads((FOLDER / "site.json").read_text()),
    )
    django.setup()

from benchmarks.contenders.zip_groups import members_of  # noqa: E402
from xaccel import ObjectRef  # noqa: E402
from xaccel.django import send_file  # noqa: E402
from xaccel.django.archives import send_zip  # noqa: E402

_BLOCK = 256 << 10


def allowed(subject: str, ref: ObjectRef) -> bool:
    """Let the subject "not KEY" have all but this object. It is cheap: the permission is not what is measured."""
    return subject != f"not {ref.key}"


def _groups(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def archive(request: HttpRequest, name: str) -> HttpResponseBase:
    arguments: dict[str, Any] = {
        "filename": "all.zip",
        "subject": request.GET.get("subject", "7"),
        "concurrency": "unlimited",
    }
    if "version" in request.GET:
        arguments["version"] = name
    members = partial(members_of, _groups(name))
    return send_zip(request, members, check=allowed, max_members=200_000, **arguments)


def one(request: HttpRequest, origin: str, key: str) -> HttpResponseBase:
    return send_file(request, key, origin=origin)


@lru_cache(maxsize=1)
def _boto3() -> Any:
    """One client for all threads: https://docs.aws.amazon.com/boto3/latest/guide/clients.html."""
    import boto3
    from botocore.config import Config

    s3 = settings.XACCEL["ORIGINS"]["fast"]
    return boto3.client(
        "s3",
        endpoint_url=s3["endpoint_url"],
        region_name=s3["region"],
        aws_access_key_id=s3["access_key"],
        aws_secret_access_key=s3["secret_key"],
        config=Config(max_pool_connections=20, s3={"addressing_style": "path"}),
    )


def streamed(request: HttpRequest, name: str) -> HttpResponseBase:
    """https://github.com/pR0Ps/zipstream-ng: stored, with its length, of objects that boto3 reads."""
    import zipstream

    [group] = _groups(name)
    client, bucket = _boto3(), settings.XACCEL["ORIGINS"]["fast"]["bucket"]

    def read(key: str) -> Iterator[bytes]:
        yield from client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_BLOCK)

    made = zipstream.ZipStream(sized=True)
    for number in range(group["number"]):
        key, size, *_ = group["files"][number % len(group["files"])]
        made.add(read(key), f"{number // 1000}/{number}.bin", size=size)
    return StreamingHttpResponse(
        made, headers={"Content-Length": str(len(made)), "Content-Type": "application/zip"}
    )


urlpatterns = [
    path("zip/<name>", archive),
    path("one/<origin>/<path:key>", one),
    path("stream/<name>", streamed),
]
application = WSGIHandler()
