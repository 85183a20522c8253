"""FastAPI, with plain functions and the dependency."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.starlette import Downloads, RequestDownloads

app = FastAPI()
Files = Annotated[RequestDownloads, Depends(Downloads(SITE).for_request)]


@app.api_route("/download/{name}", methods=["GET", "HEAD", "POST"])
def download(files: Files, name: str) -> Response:
    kind, arguments = decision(name)
    if kind == "deny":
        files.deny_download(**arguments)
    return files.send_file(arguments.pop("key", None), **arguments)


@app.exception_handler(InputRefused)
def refused(request: Request, error: InputRefused) -> Response:
    return Response(type(error).__name__, status_code=400, media_type="text/plain")
