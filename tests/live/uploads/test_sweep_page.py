"""The sweep for apps without Django, as its page prints it: quota, second call, and what neither of them settled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from flask import Flask
from starlette.requests import Request

from tests.conftest import on_one_build
from tests.live.uploads.scene import SECRET, Scene
from tests.pages import FENCE, ROOT, text
from xaccel import flask, starlette
from xaccel.errors import UploadFailed
from xaccel.features.uploads.decide import Upload
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import UPLOAD_DONE, UPLOAD_TOKEN_HEADER

pytestmark = on_one_build
BODY = b"the file"


def printed(files: object, framework: str) -> dict[str, Any]:
    """What the blocks of the page define for a framework."""
    names: dict[str, Any] = {"files": files, "SAVED": {}}
    blocks = [
        code
        for kind, code in FENCE.findall(text(ROOT / "docs/integrate/upload-limits.md"))
        if kind == "python"
    ]
    for code in blocks:
        if code.startswith(("# app.py\n", f"# app.py, with {framework}\n")):
            exec(code, names)
    return names


def made(site: Scene, name: str, *, is_stored: bool) -> Upload:
    upload = Upload(name, "documents", "", f"swept/{name}", len(BODY), "text/plain", "", "ann")
    if is_stored:
        site.s3.put(site.bucket, upload.key, BODY)
    return upload


def tell(page: dict[str, Any], framework: str, upload: Upload, status: str) -> Any:
    """Call what the page has in place of `received`, as NGINX's second call does."""
    sealed = seal(page["files"].sender.site, upload)
    token = nginx_token(SECRET, UPLOAD_DONE)
    headers = {UPLOAD_TOKEN_HEADER: token, "Xaccel-Upload": sealed, "Xaccel-Storage-Status": status}
    if framework == "Flask":
        with Flask("page").test_request_context(headers=headers):
            return page["stored"]()
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "PUT", "path": "/", "query_string": b"", "headers": raw}
    return asyncio.run(page["stored"](Request(scope)))


@pytest.mark.parametrize("framework", ["Flask", "FastAPI"])
def test_the_sweep_of_the_page_settles_each_upload(flask_site: Scene, framework: str) -> None:
    kind = flask.Downloads if framework == "Flask" else starlette.Downloads
    page = printed(kind(flask_site.folder / "site.json"), framework)
    there = made(flask_site, f"{framework}-there", is_stored=True)
    missing = made(flask_site, f"{framework}-missing", is_stored=False)
    late = made(flask_site, f"{framework}-late", is_stored=False)
    failed = made(flask_site, f"{framework}-failed", is_stored=True)
    young = made(flask_site, f"{framework}-young", is_stored=True)
    for upload in (there, missing, late, failed, young):
        assert page["reserve"](upload) is True
    assert page["reserve"](there._replace(id="large", size=page["MOST"])) is False
    with pytest.raises(UploadFailed):
        tell(page, framework, failed, "503")
    for upload in (there, missing, late, failed):
        page["OPEN"][upload.id] = (0.0, *page["OPEN"][upload.id][1:])
    page["sweep"]()
    assert (set(page["SAVED"]), set(page["OPEN"])) == ({there.key}, {young.id, missing.id, late.id})
    assert page["SAVED"][there.key]["etag"]
    for upload in (young, late):
        assert tell(page, framework, upload, "200") == upload
    made(flask_site, missing.id, is_stored=True)  # and the second call does not come
    page["OPEN"][missing.id] = (0.0, *page["OPEN"][missing.id][1:])
    page["sweep"]()
    assert (set(page["SAVED"]), page["OPEN"]) == ({there.key, young.key, late.key}, {})
    left = {key for key in flask_site.objects() if key.startswith(f"swept/{framework}-")}
    assert left == {there.key, young.key}
