"""An app without Django signs with an SDK of its own: each adapter tells it the method that NGINX will ask with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import flask
import pytest
from starlette.requests import Request

import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from xaccel import HTTPOrigin, Site
from xaccel.errors import OriginUnknown
from xaccel_testing import assert_hand_off

BASE = "https://store.example/docs/"
SITE = Site(origins={"docs": HTTPOrigin(base_url=BASE, expires_s=60)}, secrets=("s" * 32,))
threads: list[threading.Thread] = []


def signed(method: str) -> str:
    threads.append(threading.current_thread())
    return f"{BASE}a%20b.pdf?Expires=1&Signature={method}"


def in_flask(method: str, **more: Any) -> Any:
    with flask.Flask("app").test_request_context("/", method=method):
        return xaccel.flask.Downloads(SITE).send_file(url=signed, **more)


def in_starlette(method: str, **more: Any) -> Any:
    request = Request({"type": "http", "method": method, "headers": []})
    return xaccel.starlette.Downloads(SITE).send_file(request, url=signed, **more)


def in_starlettes_coroutine(method: str, **more: Any) -> Any:
    request = Request({"type": "http", "method": method, "headers": []})
    return asyncio.run(xaccel.starlette.Downloads(SITE).asend_file(request, url=signed, **more))


def in_wsgi(method: str, **more: Any) -> Any:
    told: list[Any] = []
    xaccel.wsgi.Downloads(SITE).send_file(
        {"REQUEST_METHOD": method}, lambda *head: told.append(head), url=signed, **more
    )
    return flask.Response(status=told[0][0], headers=told[0][1])


def in_asgi(method: str, **more: Any) -> Any:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    scope = {"type": "http", "method": method, "headers": []}
    asyncio.run(xaccel.asgi.Downloads(SITE).asend_file(scope, send, url=signed, **more))
    headers = [(name.decode(), value.decode()) for name, value in told[0]["headers"]]
    return flask.Response(status=told[0]["status"], headers=headers)


ADAPTERS: list[Callable[..., Any]] = [in_flask, in_starlette, in_starlettes_coroutine, in_wsgi, in_asgi]


@pytest.mark.parametrize("answer", ADAPTERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_url_is_made_for_the_method(answer: Callable[..., Any], method: str) -> None:
    threads.clear()
    made = answer(method, origin="docs")
    assert_hand_off(made, origin="docs", url=f"{BASE}a%20b.pdf", filename="a b.pdf", site=SITE)
    assert made.headers["Xaccel-Url"].endswith(f"Signature={method}")
    assert made.headers.get("Xaccel-Method", "GET") == method
    waits = answer in (in_starlettes_coroutine, in_asgi)
    assert [thread is threading.main_thread() for thread in threads] == [not waits]


@pytest.mark.parametrize("answer", [in_flask, in_starlette, in_starlettes_coroutine])
def test_a_function_needs_an_origin(answer: Callable[..., Any]) -> None:
    with pytest.raises(OriginUnknown, match="origin="):
        answer("GET")


@pytest.mark.parametrize("answer", [in_wsgi, in_asgi])
def test_without_a_framework_a_missing_origin_is_400_with_the_reason_in_the_log(
    answer: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert answer("GET").status_code == 400
    assert "Pass origin= with one of: docs." in caplog.text
