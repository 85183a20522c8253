"""The app behind a sidecar: `/seen` has what it knows of the request, `/zip` an archive, all else is a download."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from xaccel import ObjectRef
from xaccel.features.archives.crc import find_crc32
from xaccel.features.archives.members import ZipMember
from xaccel.wsgi import Downloads, HandOffMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

files = Downloads(os.environ["SIDECAR_SITE"])


def members() -> Iterator[ZipMember]:
    """One large object, and more small ones than a part has."""
    for key, count in {"film.bin": 1, "small.bin": 150}.items():
        found = find_crc32(files.sender, ref := ObjectRef("documents", key))
        yield from (ZipMember(ref, name=f"{number} {key}", **found._asdict()) for number in range(count))


def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/seen":
        seen = {name: environ.get(name, "") for name in environ if name.startswith("HTTP_")}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]
    if environ["PATH_INFO"] == "/zip":
        return files.send_zip(environ, start_response, members, filename="all.zip", subject="ann")
    key = environ["PATH_INFO"].removeprefix("/files/")
    headers = {"Served-By": os.environ["SIDECAR_ADDRESS"]}
    return files.send_file(environ, start_response, key, subject="ann", headers=headers)


application = HandOffMiddleware(app, files)
