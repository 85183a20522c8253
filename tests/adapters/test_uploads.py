"""What each adapter responds to a client whose file the storage did not take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from werkzeug.test import Client

import xaccel.wsgi
from tests.adapters.in_process import Asked, over_aiohttp, over_asgi
from tests.live.uploads import frameworks
from tests.pages import FENCE, ROOT, text
from tests.unit.features.uploads.sites import ORIGINS, SECRET, UPLOADS, site
from xaccel.errors import InputRefused, UploadFailed
from xaccel.features.uploads.decide import Upload
from xaccel.features.uploads.receive import meaning
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_DONE, UPLOAD_TOKEN_HEADER
from xaccel.site.rules import PLACEHOLDER
from xaccel.starlette import Downloads, HandOffMiddleware

UPLOAD = Upload("1", "documents", "", "uploads/1", 5, "text/plain", "", "7")


OWN = "the app's own page"


def made(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(frameworks, "SITE", folder / "site.json")
    frameworks.SITE.write_text(json.dumps({"SECRET": SECRET, "ORIGINS": ORIGINS, "UPLOADS": UPLOADS}))
    return frameworks.MADE[name]()


def end(name: str, app: Any, status: str, accept: str, path: str = "/files/a") -> Any:
    """Report to an app, as NGINX does, the storage's status for a file."""
    headers = {
        UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_DONE),
        "Xaccel-Upload": seal(site(), UPLOAD),
        "Xaccel-Storage-Status": status,
        "Accept": accept,
    }
    return put(name, app, path, headers)


def put(name: str, app: Any, path: str, headers: dict[str, str]) -> Any:
    if name in ("flask", "wsgi"):
        return Client(app).open(path, method="PUT", headers=headers)
    asked = Asked(None, {}, "PUT", headers, path=path)
    if name == "aiohttp":  # an app runs in one event loop only
        return over_aiohttp(frameworks.MADE[name](), asked)
    return over_asgi(app, asked)


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


@pytest.mark.parametrize("name", frameworks.MADE)
def test_a_views_own_refusal_is_one_that_nginx_can_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, path = made(name, tmp_path, monkeypatch), "/files/a?own=json"
    headers = {UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK), "X-User": "ann"}

    came = put(name, app, path, headers)
    assert (came.status_code, came.headers["Xaccel-Status"], came.data) == (409, "409", b"")
    assert came.headers["Xaccel-Message"].endswith("already")
    assert (came.headers.get("Xaccel-Body") is None) == (name not in ("flask", "fastapi"))
    came = put(name, app, "/files/a", {**headers, "Xaccel-Upload-Length": "5"})
    assert (came.status_code, came.headers["Xaccel-Origin"]) == (204, "documents")
    came = put(name, app, path, {**headers, UPLOAD_TOKEN_HEADER: "forged"})
    assert (came.status_code, "Xaccel-Auth" in came.headers) == (409, False)


def test_a_wsgi_app_that_is_a_generator_has_the_same_responses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs only while its response is read, after the middleware has returned."""
    app = made("wsgi", tmp_path, monkeypatch)
    inner, is_closed = app._app, []

    def generator(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            yield from inner(environ, start_response)
        finally:
            is_closed.append(True)

    lazy = xaccel.wsgi.HandOffMiddleware(generator, app._downloads)
    token = {UPLOAD_TOKEN_HEADER: nginx_token(SECRET, UPLOAD_ASK), "X-User": "ann"}
    for path in ("/files/a?own=json", "/files/a"):
        asked = [Client(each).put(path, headers=token) for each in (app, lazy)]
        assert {came.status_code for came in asked} == {asked[0].status_code}
        assert {came.headers["Xaccel-Auth"] for came in asked} == {SECRET}
    came = end("wsgi", lazy, "502", "application/json")
    assert (came.status_code, came.headers["Retry-After"]) == (503, "10")
    assert len(is_closed) == 3


@pytest.mark.parametrize("is_around", [True, False], ids=["middleware", "alone"])
@pytest.mark.parametrize("name", ["starlette", "fastapi"])
def test_a_mounted_app_needs_no_middleware_for_that_response(
    name: str, is_around: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(name, tmp_path, monkeypatch)
    app.user_middleware.clear()
    outer = Starlette(routes=[Mount("/sub", app)])
    if is_around:
        outer.add_middleware(HandOffMiddleware, downloads=Downloads(frameworks.SITE))
    came = end(name, outer, "502", "application/json", "/sub/files/a")
    assert (came.status_code, came.headers.get("Retry-After")) == (503, "10")
    assert json.loads(came.data) == {"status": 503, "detail": meaning("502").message}


def test_a_response_that_has_begun_remains_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made("starlette", tmp_path, monkeypatch).user_middleware[0].kwargs["downloads"]
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500})
        raise UploadFailed("it is not stored", where="upload 1", remedy="Send it again.")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/", "headers": []}
    with pytest.raises(UploadFailed):
        asyncio.run(HandOffMiddleware(app, files)(scope, None, send))
    assert sent == [{"type": "http.response.start", "status": 500}]


@pytest.mark.parametrize("kind", [UploadFailed, InputRefused])
@pytest.mark.parametrize("name", ["flask", "starlette", "fastapi"])
def test_the_apps_own_handler_comes_first(
    name: str, kind: type[InputRefused], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(name, tmp_path, monkeypatch)
    if name == "flask":
        app.register_error_handler(kind, lambda error: (OWN, error.status))
    else:

        def page(request: Request, error: UploadFailed) -> Response:
            return PlainTextResponse(OWN, error.status)

        app.add_exception_handler(kind, page)
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
