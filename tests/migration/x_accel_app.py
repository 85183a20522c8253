"""An app on a hand-written location, `/old/KEY`, and the same download as the guide writes it, `/new/KEY`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.session import Session

from xaccel.wsgi import Downloads

CLIENT = Session().create_client("s3", config=Config(s3={"addressing_style": "path"}))
NAME = "Annual report.pdf"
files = Downloads(os.environ["SITE"])


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    _, way, key = environ["PATH_INFO"].split("/", 2)
    if "user=" not in environ.get("HTTP_COOKIE", ""):
        start_response("403 Forbidden", [("Content-Length", "0")])
        return []
    if way == "new":
        more = {"as_attachment": True, "filename": NAME, "content_type": "application/pdf"}
        return files.send_file(environ, start_response, key, origin="private", **more)
    place = {"Bucket": os.environ["BUCKET"], "Key": key}
    url = urlsplit(CLIENT.generate_presigned_url("get_object", place, ExpiresIn=300))
    headers = [
        ("X-Accel-Redirect", f"/private{url.path}?{url.query}"),
        ("Content-Type", "application/pdf"),
        ("Content-Disposition", f'attachment; filename="{NAME}"'),
    ]
    start_response("200 OK", headers)
    return []
