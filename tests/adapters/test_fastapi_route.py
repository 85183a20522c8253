"""`download_route`: one decorator for GET and HEAD, and a schema that says that the response is a file."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.testclient import TestClient

from xaccel.starlette import Downloads, RequestDownloads, download_route
from xaccel_testing import assert_hand_off

SITE: dict[str, Any] = {"SECRET": "s" * 32, "ORIGINS": {"disk": {"type": "local", "root": "/srv"}}}
downloads = Downloads(SITE)
Files = Annotated[RequestDownloads, Depends(downloads.for_request)]


def of_app() -> FastAPI:
    app = FastAPI()

    @download_route(app, "/files/{name}", tags=["files"], responses={404: {"description": "Not found"}})
    async def download(request: Request, name: str) -> Response:
        return await downloads.asend_file(request, name)

    return app


def of_router() -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/files")

    @download_route(router, "/{name}", tags=["files"])
    def download(files: Files, name: str) -> Response:
        return files.send_file(name)

    app.include_router(router)
    return app


@pytest.mark.parametrize("make", [of_app, of_router])
def test_get_and_head_are_one_operation_that_sends_a_file(make: Any) -> None:
    app = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = TestClient(app)
        (path,) = client.get("/openapi.json").json()["paths"].values()
    assert list(path) == ["get"]
    assert path["get"]["tags"] == ["files"]
    assert path["get"]["responses"]["200"] == {
        "description": "The file",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
    for method in ("GET", "HEAD"):
        assert_hand_off(client.request(method, "/files/a.txt"), key="a.txt")
    assert client.post("/files/a.txt").status_code == 405
    assert app.url_path_for("download", name="a.txt") == "/files/a.txt"


@pytest.mark.parametrize("kind", [FastAPI, APIRouter])
def test_a_first_route_replaces_one_that_is_there(kind: Any) -> None:
    """MLflow's plugins get an app that has all routes."""
    router: Any = kind()
    router.get("/files/{name:path}")(lambda name: "from the app itself")

    @download_route(router, "/files/{name:path}", first=True)
    def download(files: Files, name: str) -> Response:
        return files.send_file(name)

    app = router
    if kind is APIRouter:
        app = FastAPI()
        app.include_router(router)
    for method in ("GET", "HEAD"):
        assert_hand_off(TestClient(app).request(method, "/files/a/b.txt"), key="a/b.txt")
