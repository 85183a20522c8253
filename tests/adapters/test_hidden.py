"""404 hides that a file exists only if it is the page that the framework has for what is not there."""

from __future__ import annotations

from typing import Any, NoReturn

import flask
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

import xaccel.flask
import xaccel.starlette

SITE: dict[str, Any] = {
    "SECRET": "s" * 32,
    "ORIGINS": {"media": {"type": "local", "root": "/srv/media"}},
}


def test_a_hidden_file_looks_like_a_missing_one_in_flask() -> None:
    app, files = flask.Flask("hidden"), xaccel.flask.Downloads(SITE)
    app.add_url_rule("/hidden", "hidden", lambda: files.deny_download(status=404))
    app.add_url_rule("/missing", "missing", lambda: flask.abort(404))
    hidden, missing = (app.test_client().get(path) for path in ("/hidden", "/missing"))
    assert (hidden.status_code, list(hidden.headers), hidden.data) == (
        404,
        list(missing.headers),
        missing.data,
    )


def test_a_hidden_file_looks_like_a_missing_one_in_starlette() -> None:
    files = xaccel.starlette.Downloads(SITE)

    def hide(request: Request) -> NoReturn:
        files.deny_download(request, status=404)

    def miss(request: Request) -> NoReturn:
        raise HTTPException(404)

    client = TestClient(Starlette(routes=[Route("/hidden", hide), Route("/missing", miss)]))
    hidden, missing = client.get("/hidden"), client.get("/missing")
    assert (hidden.status_code, dict(hidden.headers), hidden.content) == (
        404,
        dict(missing.headers),
        missing.content,
    )
