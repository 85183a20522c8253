"""The app behind a sidecar. `/seen` has what it knows of the request, all else is a download for everybody."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from xaccel.wsgi import Downloads

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

files = Downloads(os.environ["SIDECAR_SITE"])


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/seen":
        seen = {name: environ.get(name, "") for name in environ if name.startswith("HTTP_")}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]
    key = environ["PATH_INFO"].removeprefix("/files/")
    headers = {"Served-By": os.environ["SIDECAR_ADDRESS"]}
    return files.send_file(environ, start_response, key, subject="ann", headers=headers)
