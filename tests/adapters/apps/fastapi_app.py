"""FastAPI, with plain functions: the rule is a dependency."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.starlette import Downloads

app = FastAPI()
files = Downloads(SITE)


@app.api_route("/download/{name}", methods=["GET", "HEAD", "POST"])
def download(request: Request, name: str) -> Response:
    kind, arguments = decision(name)
    if kind == "deny":
        files.deny_download(request, **arguments)
    return files.send_file(request, arguments.pop("key", None), **arguments)


@app.exception_handler(InputRefused)
def refused(request: Request, error: InputRefused) -> Response:
    return Response(type(error).__name__, status_code=400, media_type="text/plain")
