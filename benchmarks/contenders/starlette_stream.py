"""Starlette's StreamingResponse of an object that boto3 reads; whether the user may have it is a set in memory.

https://www.starlette.io/responses/#streamingresponse
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from botocore.config import Config
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from benchmarks.contenders.place import Place

_PLACE = Place(**json.loads(os.environ["BENCH_PROJECT"]))
_BLOCK = 1024 * 1024
_GRANTED = frozenset(os.listdir(_PLACE.files))
_s3: Any = boto3.client(
    "s3",
    endpoint_url=_PLACE.endpoint,
    region_name=_PLACE.region,
    aws_access_key_id=_PLACE.access_key,
    aws_secret_access_key=_PLACE.secret_key,
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=50),
)


async def download(request: Request) -> Response:
    """Stream."""
    name = request.path_params["name"]
    if not request.cookies.get("sessionid") or name not in _GRANTED:
        raise HTTPException(403)
    found = await run_in_threadpool(_s3.get_object, Bucket=_PLACE.bucket, Key=name)
    return StreamingResponse(
        found["Body"].iter_chunks(_BLOCK),
        headers={
            "Content-Length": str(found["ContentLength"]),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


application = Starlette(routes=[Route("/starlette/{name}", download)])
