"""What each adapter responds to a client whose file the storage did not take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from werkzeug.test import Client

from tests.adapters.in_process import Asked, over_asgi
from tests.live.uploads import frameworks
from tests.pages import FENCE, ROOT, text
from tests.unit.uploads.sites import ORIGINS, SECRET, UPLOADS, site
from xaccel.errors import UploadFailed
from xaccel.handoff.sealed import seal
from xaccel.site.rules import PLACEHOLDER
from xaccel.site.site import UPLOAD_ASK, UPLOAD_DONE, UPLOAD_TOKEN_HEADER, nginx_token
from xaccel.uploads.decide import Upload
from xaccel.uploads.receive import meaning

UPLOAD = Upload("1", "documents", "", "uploads/1", 5, "text/plain", "", "7")


OWN = "the app's own page"


def made(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(frameworks, "SITE", folder / "site.json")
    frameworks.SITE.write_text(json.dumps({"SECRET": SECRET, "ORIGINS": ORIGINS, "UPLOADS": UPLOADS}))
    return frameworks.MADE[name]()


def end(name: str, app: Any, status: str, accept: str) -> Any:
    """Report to an app, as NGINX does, the storage's status for a file."""
    headers = {
        UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_DONE),
        "Xaccel-Upload": seal(site(), UPLOAD),
        "Xaccel-Storage-Status": status,
        "Accept": accept,
    }
    if name in ("flask", "wsgi"):
        return Client(app).open("/files/a", method="PUT", headers=headers)
    return over_asgi(app, Asked(None, {}, "PUT", headers, path="/files/a"))


@pytest.mark.parametrize("accept", ["application/json", "text/html, */*", ""])
@pytest.mark.parametrize("case", [("400", 422, None), ("502", 503, "10")], ids=["refused", "down"])
@pytest.mark.parametrize("name", frameworks.MADE)
def test_a_file_that_is_not_stored_has_the_same_response_everywhere(
    name: str, case: tuple[str, int, str | None], accept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_storage, status, retry = case
    came = end(name, made(name, tmp_path, monkeypatch), of_storage, accept)
    assert (came.status_code, came.headers.get("Retry-After")) == (status, retry)
    said = meaning(of_storage).message
    if accept == "application/json":
        assert (came.mimetype, json.loads(came.data)) == (accept, {"status": status, "detail": said})
    else:
        assert (came.mimetype, came.data.decode()) == ("text/plain", f"{said}\n")
    assert came.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["flask", "starlette", "fastapi"])
def test_the_apps_own_handler_comes_first(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = made(name, tmp_path, monkeypatch)
    if name == "flask":
        app.register_error_handler(UploadFailed, lambda error: (OWN, error.status))
    else:

        def page(request: Request, error: UploadFailed) -> Response:
            return PlainTextResponse(OWN, error.status)

        app.add_exception_handler(UploadFailed, page)
    came = end(name, app, "400", "*/*")
    assert (came.status_code, came.data.decode()) == (422, OWN)


def test_the_wsgi_app_of_the_page_takes_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [code for _, code in FENCE.findall(text(ROOT / "docs/integrate/upload.md"))]
    [settings] = [code for code in blocks if code.startswith("# site.toml")]
    [code] = [code for code in blocks if code.startswith("# app.py, with WSGI")]
    (tmp_path / "site.toml").write_text(settings.replace(PLACEHOLDER, SECRET))
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    saved: list[dict[str, Any]] = []
    own = {
        "save": lambda **row: saved.append(row),
        "user_of": lambda environ: environ["HTTP_X_USER"],
        "may_write": "ann".__eq__,
    }
    exec(code, own)
    token = {UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK), "Xaccel-Upload-Length": "5"}
    asked = [
        Client(own["app"]).put("/upload/a", headers={**token, "X-User": user}) for user in ("ann", "eve")
    ]
    assert [came.status_code for came in asked] == [204, 403]
    told = {
        UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_DONE),
        "Xaccel-Upload": asked[0].headers["Xaccel-Upload"],
        "Xaccel-Storage-Status": "200",
        "Xaccel-Storage-Etag": '"e"',
    }
    assert Client(own["app"]).put("/upload/a", headers=told).status_code == 201
    assert [(row["size"], row["etag"]) for row in saved] == [(5, '"e"')]
