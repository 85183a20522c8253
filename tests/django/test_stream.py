"""DELIVERY = "stream": the same views without NGINX, for development."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.utils.http import parse_http_date

from tests.django.stored import BODY, CHANGED, bucket_at, stored
from tests.servers.origin import Origin
from xaccel.django import HandOffMiddleware, asend_file, send_file
from xaccel.errors import ConfigError
from xaccel.handoff.headers import SANDBOX, default_policy
from xaccel.http_client import exchange
from xaccel.http_client.origin import redirect_target
from xaccel.site.origins import HTTPOrigin

# Closing a response that streams ends the request, which looks at the database connections.
pytestmark = pytest.mark.django_db


@pytest.fixture
def origin(site: Any, tmp_path: Path) -> Iterator[Origin]:
    """A server that is all origins; "disk" is the folder tmp_path."""
    with stored() as server:
        http = {"base_url": f"{server.url}/out/", "request_headers": {"Authorization": "Bearer partner"}}
        site(
            DELIVERY="stream",
            ORIGINS={
                "documents": bucket_at(server),
                "partner": {"type": "http", **http},
                "disk": {"type": "local", "root": str(tmp_path)},
            },
        )
        yield server


def body(response: Any) -> bytes:
    """The whole body, read as the server would."""
    if not response.streaming:
        return bytes(response.content)
    try:
        if response.is_async:

            async def read() -> bytes:
                return b"".join([chunk async for chunk in response])

            return async_to_sync(read)()
        return b"".join(response)
    finally:
        response.close()


def unchanged(response: Any) -> Any:
    """What a hook of the project returns."""
    return response


def get(
    key: str,
    name: str = "documents",
    *,
    headers: Any = None,
    method: str = "GET",
    hook: Any = unchanged,
    **options: Any,
) -> Any:
    """What the client of a plain view gets."""
    request = RequestFactory().generic(method, "/", headers=headers)
    return HandOffMiddleware(lambda asked: hook(send_file(asked, key, origin=name, **options)))(request)


def aget(key: str, name: str = "documents", *, hook: Any = unchanged, **options: Any) -> Any:
    """What the client of a coroutine gets."""

    async def view(request: Any) -> Any:
        return hook(await asend_file(request, key, origin=name, **options))

    answer: Any = HandOffMiddleware(view)
    return async_to_sync(answer)(AsyncRequestFactory().get("/"))


@pytest.mark.parametrize("ask", [get, aget])
@pytest.mark.parametrize("name", ["documents", "partner", "disk"])
def test_file_arrives_whole_with_the_headers_of_the_download(
    origin: Origin, tmp_path: Path, ask: Any, name: str
) -> None:
    (tmp_path / "r.pdf").write_bytes(BODY)
    response = ask("r.pdf", name, filename="Report.pdf", as_attachment=True)
    assert body(response) == BODY
    headers = dict(response.headers)
    if name == "disk":
        assert parse_http_date(headers.pop("Last-Modified")) == int((tmp_path / "r.pdf").stat().st_mtime)
    else:
        assert (headers.pop("ETag"), headers.pop("Last-Modified")) == ('"origin"', CHANGED)
    assert headers == {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(BODY)),
        "Content-Disposition": 'attachment; filename="Report.pdf"',
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": default_policy("application/pdf"),
        "Accept-Ranges": "none",
    }


@pytest.mark.parametrize("ask", [get, aget])
def test_code_of_the_project_gets_the_response_of_production(origin: Origin, ask: Any) -> None:
    """Hooks such as Wagtail's test for HttpResponse, which a StreamingHttpResponse is not."""

    def hook(response: Any) -> Any:
        assert isinstance(response, HttpResponse)
        assert (response.streaming, response.content) == (False, b"")
        response.set_cookie("seen", "yes")
        response["X-Robots-Tag"], response["X-Lost"] = "noindex", "NGINX drops it"
        return response

    response = ask("r.pdf", hook=hook)
    assert (body(response), response.cookies["seen"].value) == (BODY, "yes")
    assert (response["X-Robots-Tag"], "X-Lost" in response) == ("noindex", False)


def test_a_project_without_the_middleware_gets_an_error(origin: Origin) -> None:
    with pytest.raises(ConfigError, match="needs HandOffMiddleware"):
        send_file(RequestFactory().get("/"), "r.pdf", origin="documents")


def test_the_origin_gets_no_header_of_the_client(origin: Origin) -> None:
    headers = {
        "Cookie": "sessionid=1",
        "Authorization": "Basic u",
        "Range": "bytes=0-1",
        "If-None-Match": '"x"',
    }
    body(get("a b.pdf", headers=headers))
    body(get("a b.pdf", "partner", headers=headers))
    of_bucket, of_partner = origin.requests
    assert (of_bucket.method, of_bucket.target.partition("?")[0]) == ("GET", "/acme-documents/a%20b.pdf")
    assert "X-Amz-Signature=" in of_bucket.target
    assert of_bucket.header("Authorization") is None
    assert (of_partner.target, of_partner.header("Authorization")) == ("/out/a%20b.pdf", "Bearer partner")
    for request in origin.requests:
        assert not [name for name in ("Cookie", "Range", "If-None-Match") if request.header(name)]


@pytest.mark.parametrize("name", ["documents", "partner", "disk"])
def test_head_has_the_length_and_no_body(origin: Origin, tmp_path: Path, name: str) -> None:
    (tmp_path / "r.pdf").write_bytes(BODY)
    response = get("r.pdf", name, method="HEAD")
    assert (response.status_code, response["Content-Length"], response.content) == (200, str(len(BODY)), b"")
    assert [request.method for request in origin.requests] == ([] if name == "disk" else ["HEAD"])


def test_head_of_a_cached_object_asks_with_get(origin: Origin, site: Any, tmp_path: Path) -> None:
    """It was signed for GET, as NGINX's cache needs it."""
    http = {"base_url": f"{origin.url}/", "cache": True}
    site(
        ORIGINS={"partner": {"type": "http", **http}},
        CACHE={"path": str(tmp_path)},
    )
    response = get("r.pdf", "partner", method="HEAD", cache_version="v1")
    assert (response.content, response["Content-Length"]) == (b"", str(len(BODY)))
    assert [request.method for request in origin.requests] == ["GET"]


@pytest.mark.parametrize(
    ("at_origin", "status", "text"),
    [
        (400, 502, b"The storage did not deliver the file.\n"),
        (403, 502, b"The storage did not deliver the file.\n"),
        (404, 404, b"Not found.\n"),
        (410, 404, b"Not found.\n"),
        (412, 412, b"Precondition failed.\n"),
        (429, 503, b"The storage is busy. Try again in a moment.\n"),
        (500, 502, b"The storage did not deliver the file.\n"),
        (503, 503, b"The storage is busy. Try again in a moment.\n"),
        (504, 504, b"The storage did not respond in time. Try again in a moment.\n"),
    ],
)
@pytest.mark.parametrize("ask", [get, aget])
def test_error_of_the_origin_is_a_plain_page(
    origin: Origin, ask: Any, at_origin: int, status: int, text: bytes
) -> None:
    response = ask(str(at_origin), as_attachment=True)
    assert (response.status_code, response.content) == (status, text)
    assert response["Content-Type"] == "text/plain"
    assert response["Cache-Control"] == "no-store"
    assert not {"Content-Disposition", "ETag", "x-amz-request-id", "Set-Cookie"} & set(response.headers)
    assert len(origin.requests) == 1


def test_treat_403_as_404_hides_a_missing_object(site: Any, origin: Origin) -> None:
    bucket = settings.XACCEL["ORIGINS"]["documents"] | {"treat_403_as_404": True}
    site(ORIGINS={"documents": bucket})
    assert get("403").status_code == 404


def test_failure_of_the_origin_is_logged_without_its_address(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="xaccel"):
        get("403")
        get("reset")
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "xaccel")
    assert "status 403" in said
    assert "RemoteDisconnected" in said
    for private in ("127.0.0.1", "Signature", "acme-documents"):
        assert private not in said


@pytest.mark.parametrize("ask", [get, aget])
def test_silent_origin_is_504(origin: Origin, monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    monkeypatch.setattr(exchange, "TIMEOUT_S", 0.2)
    assert ask("silent").status_code == 504


def test_origin_that_takes_no_connection_is_504(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is full, so that Linux answers nothing."""
    monkeypatch.setattr(exchange, "CONNECT_S", 0.2)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        waiting = stack.enter_context(socket.socket())
        waiting.connect(full.getsockname())
        http = {"base_url": f"http://127.0.0.1:{full.getsockname()[1]}/"}
        site(DELIVERY="stream", ORIGINS={"partner": {"type": "http", **http}})
        assert get("x", "partner").status_code == 504


def test_origin_that_hangs_up_is_502(origin: Origin) -> None:
    assert get("reset").status_code == 502


def test_policy_follows_the_type_of_the_origin(origin: Origin) -> None:
    response = get("page")
    body(response)
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Content-Security-Policy"] == SANDBOX
    assert response["Content-Disposition"] == 'inline; filename="page"'
    own = get("page", content_type="application/pdf", content_security_policy="default-src 'self'")
    body(own)
    assert (own["Content-Type"], own["Content-Security-Policy"]) == ("application/pdf", "default-src 'self'")


def led(site: Any, origin: Origin, location: str, *hosts: str, method: str = "GET") -> Any:
    """What a view answers when the origin redirects to `location`."""
    http = {"base_url": f"{origin.url}/to/", "request_headers": {"X-Key": "k"}, "redirect_hosts": list(hosts)}
    site(ORIGINS={"partner": {"type": "http", **http}})
    return get(location, "partner", method=method)


def test_a_redirect_to_an_allowed_host_is_followed_without_request_headers(site: Any, origin: Origin) -> None:
    there = f"localhost:{origin.port}"
    assert body(led(site, origin, f"http://{there}/r.pdf", there)) == BODY
    assert [request.header("X-Key") for request in origin.requests] == ["k", None]


@pytest.mark.parametrize(
    ("base", "location", "hosts", "follows"),
    [
        ("https://p.example/", "https://a.cdn.example/x", ("*.cdn.example",), True),
        ("https://p.example/", "https://a.b.cdn.example:443/x", ("*.cdn.example",), True),
        ("https://p.example/", "https://CDN.example/x", ("cdn.example:443",), True),
        ("https://p.example/", "https://cdn.example/x", ("*.cdn.example",), False),
        ("https://p.example/", "https://evilcdn.example/x", ("*.cdn.example", "cdn.example"), False),
        ("https://p.example/", "https://cdn.example.evil/x", ("*.cdn.example", "cdn.example"), False),
        ("https://p.example/", "https://cdn.example:8443/x", ("cdn.example",), False),
        ("https://p.example/", "http://cdn.example/x", ("cdn.example",), False),
        ("https://p.example/", "http://p.example/x", (), False),
        ("http://p.example/", "https://cdn.example/x", ("cdn.example",), True),
        ("http://p.example/", "https://[::1]:443/x", ("[::1]",), True),
    ],
)
def test_redirect_hosts_are_matched_as_nginx_matches_them(
    base: str, location: str, hosts: tuple[str, ...], follows: bool
) -> None:
    origin = HTTPOrigin(base_url=base, redirect_hosts=hosts)
    assert redirect_target(location, base, origin, urlsplit(base)) == (location if follows else None)


@pytest.mark.parametrize("name", ["missing.pdf", "folder", "r.pdf/x", "fifo", "n" * 300])
def test_a_path_that_is_not_a_file_of_the_folder_is_404(origin: Origin, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "r.pdf").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    assert get(name, "disk").status_code == 404


@pytest.mark.parametrize("path", ["/key/?key=r.pdf", "/akey/?key=r.pdf"])
def test_either_view_streams_under_either_server_without_a_warning(origin: Origin, path: str) -> None:
    """Django warns when an iterator does not fit the server."""

    async def read(response: Any) -> bytes:
        return b"".join([chunk async for chunk in response])

    wsgi, asgi = Client().get(path), async_to_sync(AsyncClient().get)(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert b"".join(wsgi) == async_to_sync(read)(asgi) == BODY
    wsgi.close()
    asgi.close()


def test_a_stream_sends_the_signals_of_a_hand_off(origin: Origin, events: list[Any]) -> None:
    body(get("r.pdf", subject="7"))
    ((_, event),) = events
    assert (event.allowed, event.key, event.subject) == (True, "r.pdf", "7")


def test_the_certificate_of_an_origin_must_be_of_a_known_authority(site: Any, tmp_path: Path) -> None:
    """tests/live/origin/test_explain.py has the names and client certificates of the same HTTP client."""
    pytest.importorskip("trustme", reason="trustme is not installed: TLS is tested where it is")
    with stored(tls_directory=tmp_path, names=("files.example",)) as server:
        there = {"base_url": "https://files.example/", "connect_to": [server.address]}
        for more, status in (({}, 502), ({"ca_file": str(server.ca_file)}, 200)):
            site(DELIVERY="stream", ORIGINS={"partner": {"type": "http", **there, **more}})
            response = get("r.pdf", "partner")
            assert (response.status_code, body(response) == BODY) == (status, status == 200)
        assert len(server.requests) == 1
