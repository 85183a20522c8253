"""`Downloads` of an app: Flask's `init_app`, and the dependency of FastAPI."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Response
from fastapi.testclient import TestClient
from flask import Flask

import xaccel.asgi
import xaccel.wsgi
from xaccel import ConfigError, ConfigErrors
from xaccel.flask import Downloads as FlaskDownloads
from xaccel.starlette import Downloads, RequestDownloads


def site(name: str) -> dict[str, Any]:
    return {"SECRET": name * 32, "ORIGINS": {name: {"type": "http", "base_url": f"http://{name}.test/"}}}


Files = Annotated[RequestDownloads, Depends(Downloads(site("c")).for_request)]


def test_one_flask_extension_serves_each_app_from_its_own_configuration() -> None:
    files = FlaskDownloads()
    for name in ("a", "b"):
        app = Flask(name)
        app.config["XACCEL"] = site(name)
        files.init_app(app)
        app.add_url_rule("/file", view_func=lambda: files.send_file("x"))
        assert app.test_client().get("/file").headers["Xaccel-Url"] == f"http://{name}.test/x"


def test_a_flask_app_without_a_site_gets_an_error_with_a_remedy() -> None:
    files, app = FlaskDownloads(), Flask("bare")
    with pytest.raises(ConfigError, match="Set it before init_app"):
        files.init_app(app)
    with app.test_request_context("/"), pytest.raises(ConfigError, match=r"Call init_app\(app\)"):
        files.send_file("x")
    app.config["XACCEL"] = {"SECRET": "short"}
    with pytest.raises(ConfigErrors):
        files.init_app(app)


@pytest.mark.parametrize("kind", [FlaskDownloads, Downloads, xaccel.wsgi.Downloads, xaccel.asgi.Downloads])
def test_limits_that_only_django_heeds_are_named_at_start(
    kind: Callable[[Any], object], caplog: pytest.LogCaptureFixture
) -> None:
    uploads: dict[str, Any] = {"app": "127.0.0.1:1", "paths": ["/upload/"], "origins": ["disk"]}
    plain = {"SECRET": "s" * 32, "ORIGINS": {"disk": {"type": "local", "root": "/srv"}}}
    kind({**plain, "UPLOADS": uploads})
    assert caplog.messages == []
    kind(
        {
            **plain,
            "UPLOADS": {**uploads, "at_once": 2, "bytes_a_day": 9, "site_at_once": 3, "site_bytes_a_day": 9},
        }
    )
    [said] = caplog.messages
    assert said.startswith(
        "UPLOADS: at_once, bytes_a_day, site_at_once, site_bytes_a_day do nothing outside Django."
    )


def test_a_dependency_of_fastapi_sends_and_refuses_without_naming_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()

    @app.get("/sync/{key}")
    def plain(files: Files, key: str) -> Response:
        if key == "denied":
            files.deny_download(status=404, reason="no reader")
        return files.send_file(key)

    @app.get("/async/{key}")
    async def coroutine(files: Files, key: str) -> Response:
        if key == "denied":
            await files.adeny_download(status=404, reason="no reader")
        return await files.asend_file(key)

    client = TestClient(app)
    for kind in ("sync", "async"):
        assert client.get(f"/{kind}/x").headers["Xaccel-Url"] == "http://c.test/x"
        with caplog.at_level(logging.INFO, logger="xaccel"):
            assert client.get(f"/{kind}/denied").status_code == 404
    assert [record.xaccel.reason for record in caplog.records if record.name == "xaccel"][-2:] == [
        "no reader",
        "no reader",
    ]
