"""The parts inside an NGINX whose operator has settings of his own, all awkward: neither disturbs the other."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.client import Reply, ask
from tests.live.conftest import build_of
from tests.live.stage import Stage, application, stage, target
from tests.live.test_response_headers import KNOWN
from xaccel.nginx import Parts, emit, render
from xaccel.sender import Sender
from xaccel.servers.processes import wait_until
from xaccel.site import read_mapping
from xaccel.testing import Answer, Origin, Request, Variant, origin_server

pytestmark = [pytest.mark.main, pytest.mark.nginx]

BODY = b"<!--# echo var='request_uri' --> plain text that gzip would like " * 500
SECRET_NAME = "secret-name.txt"
OPERATOR_PAGE = b"the operator's own error page"

AWKWARD = """
    gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_vary on; gzip_http_version 1.0;
    ssi on; ssi_types *;
    charset utf-8; charset_types *;
    expires 30d; etag off; max_ranges 0; if_modified_since off; limit_rate 20k; limit_rate_after 1k;
    default_type application/x-operator;
    add_header X-Operator his;
    add_header Cache-Control public always;
    error_page 404 416 429 502 503 504 /own-page;
    recursive_error_pages off;
    server_tokens on;
    proxy_intercept_errors on;
    proxy_set_header X-Operator his;
    proxy_set_header Cookie $http_cookie;
    proxy_cache_path operator-cache keys_zone=operator:1m;
    proxy_cache operator; proxy_cache_key one; proxy_cache_valid any 1h; proxy_no_cache $arg_none 1;
    proxy_cache_bypass 1; proxy_cache_methods POST; proxy_cache_min_uses 5; proxy_cache_max_range_offset 0;
    proxy_cache_lock off; proxy_cache_convert_head off; proxy_cache_use_stale off; proxy_cache_revalidate on;
    proxy_hide_header X-Thing; proxy_hide_header ETag; proxy_hide_header Last-Modified;
    proxy_pass_header Server; proxy_pass_header X-Amz-Request-Id; proxy_pass_header Set-Cookie;
    proxy_pass_header Content-Disposition; proxy_pass_header X-Accel-Redirect;
    proxy_buffering off; proxy_http_version 1.0; proxy_force_ranges on; proxy_limit_rate 20k;
    proxy_redirect / /elsewhere/; proxy_ignore_headers X-Accel-Charset; proxy_next_upstream off;
    proxy_max_temp_file_size 100m; proxy_ssl_verify off; proxy_ssl_name wrong.test;
    proxy_ignore_client_abort on;
    satisfy all; deny all; auth_basic closed; auth_basic_user_file nobody; auth_request /auth;
    mirror /mirror; userid on;
    limit_req_zone $http_x_counted zone=counted:1m rate=1r/m; limit_req zone=counted; limit_req_status 429;
    client_max_body_size 1k;
    proxy_busy_buffers_size 4k; proxy_temp_file_write_size 4k; send_timeout 1s;
"""
# what only Debian's build has
AWKWARD_DEB = """
    gzip_static always; gunzip on; slice 1k;
    sub_filter plain changed; sub_filter file changed; sub_filter_once off; sub_filter_types *;
    add_before_body /before; add_after_body /before; addition_types *;
"""
# what only the wheel's is new enough for
AWKWARD_WHEEL = """
    add_header_inherit merge; add_trailer_inherit merge; add_trailer X-Operator his always; proxy_pass_trailers on;
"""


def operators_text(
    variant: Variant, *, http: str = "", server: str = "", more: str = ""
) -> Callable[[Parts, int, str], str]:
    """A configuration of an operator's own, with the parts included where the documentation says."""
    build = build_of(variant)
    modules = "".join(f"load_module {path};\n" for path in build.load_modules)
    user = "user root;" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    paths = " ".join(f"{kind}_temp_path tmp/{kind};" for kind in kinds)

    def write(parts: Parts, port: int, app: str) -> str:
        return f"""{modules}{user}
daemon off; worker_processes 2; pid nginx.pid; error_log error.log warn;
events {{ worker_connections 512; }}
http {{
    {paths}
    access_log access.log;
    variables_hash_max_size 4096;
    {http}
    {emit((*parts.engine, *parts.http))}
    {operators_server(parts, port, app, server)}
    {more}
}}
"""

    return write


def operators_server(parts: Parts, port: int, app: str, more: str = "") -> str:
    return f"""
    server {{
        listen 127.0.0.1:{port};
        {more}
        location / {{
            proxy_pass http://{app};
            proxy_cache off; limit_rate 0;
            allow all; auth_basic off; client_max_body_size 1m;
            {emit(parts.app)}
        }}
        location /static/ {{ root .; limit_rate 0; allow all; auth_basic off; }}
        location /closed/ {{ root .; }}
        location = /before {{ internal; return 200 before; }}
        location = /auth {{
            internal; return 204; access_log auth.log; log_subrequest on; client_max_body_size 1m;
        }}
        location = /mirror {{
            internal; return 204; access_log mirror.log; log_subrequest on; client_max_body_size 1m;
        }}
        location ~ \\.pdf$ {{ return 200 "the operator's pdf"; }}
        location ~ partner {{ return 200 "the operator's partner"; }}
        location = /own-page {{ internal; return 200 "{OPERATOR_PAGE.decode()}"; }}
        {emit(parts.server)}
    }}
"""


@dataclass
class Guest:
    stage: Stage
    origin: Origin


@contextmanager
def guest_with_lines(variant: Variant, folder: Path, server: str, **settings: Any) -> Iterator[Guest]:
    """The operator's NGINX with `server` among the lines of his own, and two origins."""
    (folder / "media").mkdir()
    (folder / "media" / "x").write_bytes(BODY)
    with origin_server(answer) as origin:
        origins = {"partner": {"base_url": f"{origin.url}/"}, "media": {"root": str(folder / "media")}}
        text = operators_text(variant, server=server)
        with stage(folder / "nginx", variant, origins, write=text, **settings) as running:
            yield Guest(running, origin)


def answer(request: Request) -> Answer:
    if request.target == "/refused":
        return Answer(status=403, headers=[("WWW-Authenticate", "Basic")], body=b"<Error>bucket</Error>")
    if request.target == "/missing":
        return Answer(status=404, body=b"<Error>bucket</Error>")
    if request.target == "/trailer":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Origin\r\n\r\n"
        return Answer(raw=head + b"3\r\nabc\r\n0\r\nX-Origin: leaked\r\n\r\n")
    headers = [
        ("Content-Type", "text/plain"),
        ("ETag", '"v1"'),
        ("Server", "StoreServer"),
        ("X-Amz-Request-Id", "leaked"),
        ("Set-Cookie", "sid=evil"),
        ("Content-Disposition", "attachment; filename=evil"),
        ("Accept-Ranges", "bytes"),
    ]
    if request.header("Range") == "bytes=2-5":
        headers.append(("Content-Range", f"bytes 2-5/{len(BODY)}"))
        return Answer(status=206, headers=headers, body=BODY[2:6])
    return Answer(headers=headers, body=BODY)


@pytest.fixture(scope="module")
def guest(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("guest")
    for name in ("media", "nginx", "nginx/static"):
        (folder / name).mkdir()
    (folder / "media" / "x").write_bytes(BODY)
    (folder / "media" / "x.gz").write_bytes(gzip.compress(b"another object"))
    (folder / "nginx" / "static" / "page.html").write_bytes(BODY)
    (folder / "nginx" / "static" / "page.html.gz").write_bytes(gzip.compress(BODY))
    http = AWKWARD + (AWKWARD_DEB if build_of(variant).gunzip else AWKWARD_WHEEL)
    with origin_server(answer) as origin:
        origins = {
            "partner": {"base_url": f"{origin.url}/"},
            "cached": {"base_url": f"{origin.url}/", "cache": True},
            "media": {"root": str(folder / "media")},
        }
        with stage(
            folder / "nginx",
            variant,
            origins,
            write=operators_text(variant, http=http),
            cache={"path": "cache"},
        ) as running:
            yield Guest(running, origin)


ORIGINS = ("partner", "cached", "media")


def get(guest: Guest, origin: str, key: str = "x", *, method: str = "GET", **headers: str) -> Reply:
    return guest.stage.get(
        origin,
        key,
        method=method,
        headers={"Accept-Encoding": "gzip", "Cookie": "sid=topsecret", **headers},
        options={"identity": "1", "filename": SECRET_NAME, "content_type": "text/plain"},
    )


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_download_is_what_it_is_without_the_operators_settings(guest: Guest, origin: str) -> None:
    for method in ("GET", "HEAD", "GET"):
        reply = get(guest, origin, method=method)
        assert (reply.status, reply.body) == (200, BODY if method == "GET" else b"")
        names = sorted(name.lower() for name, _ in reply.headers)
        assert names == sorted(set(names))
        assert set(names) <= KNOWN
        assert reply.one("Content-Length") == str(len(BODY))
        assert reply.one("Accept-Ranges") == "bytes"
        assert reply.one("Content-Type") == "text/plain"
        assert reply.one("Content-Disposition") == f'inline; filename="{SECRET_NAME}"'
        assert reply.one("Cache-Control") == "private, no-cache"
        assert (reply.one("Server") or "").startswith("nginx")
        assert reply.one("ETag")


@pytest.mark.parametrize("origin", ORIGINS)
def test_ranges_work(guest: Guest, origin: str) -> None:
    reply = get(guest, origin, Range="bytes=2-5")
    assert (reply.status, reply.body) == (206, BODY[2:6])


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_file_that_did_not_change_is_304(guest: Guest, origin: str) -> None:
    if origin == "partner":
        guest.origin.requests.clear()
        get(guest, origin, **{"If-None-Match": '"v1"'})
        assert guest.origin.requests[-1].header("If-None-Match") == '"v1"'
        return
    tag = get(guest, origin).one("ETag") or ""
    assert get(guest, origin, **{"If-None-Match": tag}).status == 304
    date = get(guest, origin).one("Last-Modified")
    if origin == "media":
        assert get(guest, origin, **{"If-Modified-Since": date or ""}).status == 304


def test_the_cache_is_ours(guest: Guest) -> None:
    """One entry an object, found by a second request, and no entry in the operator's cache."""
    for key in ("cache-a", "cache-b"):
        guest.origin.requests.clear()
        lines = guest.stage.lines_of(lambda key=key: [get(guest, "cached", key) for _ in range(2)])
        assert [line["cache"] for line in lines] == ["MISS", "HIT"]
        assert [request.target for request in guest.origin.requests] == [f"/{key}"]
    guest.origin.requests.clear()
    miss, hit = guest.stage.lines_of(
        lambda: (get(guest, "cached", "cold"), get(guest, "cached", "cold", Range="bytes=2-5"))
    )
    assert (miss["cache"], hit["cache"]) == ("MISS", "HIT")


def test_the_origin_learns_nothing_by_the_operators_settings(guest: Guest) -> None:
    guest.origin.requests.clear()
    get(guest, "partner")
    [request] = guest.origin.requests
    assert sorted(name.lower() for name, _ in request.headers) == ["host"]
    assert request.version == "HTTP/1.1"


@pytest.mark.parametrize(
    ("key", "status", "text"), [("missing", 404, b"Not found"), ("refused", 502, b"The file")]
)
@pytest.mark.parametrize("origin", ORIGINS)
def test_our_error_pages_are_ours(guest: Guest, origin: str, key: str, status: int, text: bytes) -> None:
    if origin == "media":
        key, status, text = "missing", 404, b"Not found"
    reply = get(guest, origin, key)
    assert reply.status == status
    assert reply.body.startswith(text)
    assert OPERATOR_PAGE not in reply.body
    for name in ("Content-Disposition", "X-Operator", "WWW-Authenticate", "Expires", "Content-Encoding"):
        assert reply.one(name) is None
    assert (reply.one("Content-Type"), reply.one("Cache-Control")) == ("text/plain", "no-store")


@pytest.mark.parametrize("key", ["a.pdf", "partner/a.pdf"])
def test_a_regular_expression_of_his_takes_no_download(guest: Guest, key: str) -> None:
    assert get(guest, "partner", key).body == BODY
    assert get(guest, "media", key).body.startswith(b"Not found")


def test_his_other_pages_keep_his_settings(guest: Guest) -> None:
    port = guest.stage.nginx.port
    encodings = {"Accept-Encoding": "gzip"}
    page = ask(port, "/static/page.html", headers=encodings)
    assert (page.status, page.one("Content-Encoding"), page.one("X-Operator")) == (200, "gzip", "his")
    assert sorted(page.all("Cache-Control")) == ["max-age=2592000", "public"]
    ordinary = ask(port, "/page", headers=encodings)
    assert (ordinary.status, ordinary.one("Content-Encoding"), ordinary.one("X-Operator")) == (
        200,
        "gzip",
        "his",
    )
    assert b"the operator's pdf" in ask(port, "/a.pdf").body
    assert b"the operator's partner" in ask(port, "/partner").body
    assert OPERATOR_PAGE in ask(port, "/static/none").body


@pytest.mark.parametrize("path", ["/_xaccel/partner", "/_xaccel/media/x", "/_xaccel/cached"])
def test_internal_locations_are_not_found_from_outside(guest: Guest, path: str) -> None:
    assert ask(guest.stage.nginx.port, path).status == 404


@pytest.fixture(scope="module")
def repeating(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """An operator who told us what of his is to be printed again in our locations."""
    server = """
        add_header Strict-Transport-Security max-age=31536000 always;
        add_header X-Frame-Options DENY always;
        access_log his.log;
    """
    settings = {
        "add_headers": [["Strict-Transport-Security", "max-age=31536000"], ["X-Frame-Options", "DENY"]],
        "access_logs": ["his.log", "his-combined.log combined"],
    }
    with guest_with_lines(variant, tmp_path_factory.mktemp("repeating"), server, **settings) as running:
        yield running


@pytest.mark.parametrize("key", ["x", "missing", "refused"])
@pytest.mark.parametrize("origin", ["partner", "media"])
def test_his_headers_are_repeated_on_downloads_and_on_pages(repeating: Guest, origin: str, key: str) -> None:
    for reply in (repeating.stage.get(origin, key), repeating.stage.get(origin, key, method="HEAD")):
        assert reply.one("Strict-Transport-Security") == "max-age=31536000"
        assert reply.one("X-Frame-Options") == "DENY"


@pytest.mark.parametrize("key", ["x", "missing", "refused"])
@pytest.mark.parametrize("origin", ["partner", "media"])
def test_his_logs_have_one_line_a_download_with_the_address_that_was_asked_for(
    repeating: Guest, origin: str, key: str
) -> None:
    nginx, mark = repeating.stage.nginx, str(uuid4())
    [line] = repeating.stage.lines_of(lambda: repeating.stage.get(origin, key, options={"subject": mark}))
    for name in ("his.log", "his-combined.log"):
        wait_until(lambda name=name: mark in (nginx.directory / name).read_text(), timeout_s=5)
        [found] = [text for text in (nginx.directory / name).read_text().splitlines() if mark in text]
        assert '"GET /send?q=' in found
        assert f'" {line["status"]} ' in found
        assert "_xaccel" not in found
    # what he did not name is silent for downloads
    assert mark not in nginx.access_log


def test_two_sites_live_in_one_nginx(variant: Variant, tmp_path: Path) -> None:
    """Two projects, each with a server of its own and an origin of the same name; the second has a NAME."""
    with ExitStack() as opened:
        first = opened.enter_context(origin_server(lambda _: Answer(body=b"of the first")))
        second = opened.enter_context(origin_server(lambda _: Answer(body=b"of the second")))
        (tmp_path / "media").mkdir()
        (tmp_path / "media" / "x").write_bytes(b"a file of the second")
        site = read_mapping.read(
            {
                "SECRET": "another-0123456789-abcdefghijklmnopqrstu",
                "NAME": "two",
                "LOG": "two.log",
                "CACHE": {"path": "cache-two"},
                "CONCURRENCY": 3,
                "ORIGINS": {
                    "store": {
                        "BACKEND": "xaccel.HTTPOrigin",
                        "OPTIONS": {"base_url": second.url + "/", "cache": True},
                    },
                    "media": {"BACKEND": "xaccel.LocalOrigin", "OPTIONS": {"root": str(tmp_path / "media")}},
                },
            }
        )
        parts = render(site, build_of(variant))
        app = opened.enter_context(origin_server(application(Sender(site), [])))
        server = f"""
            location /second/ {{ proxy_pass http://{app.address}/; {emit(parts.app)} }}
            {emit(parts.server)}
        """
        text = operators_text(variant, http=emit(parts.http), server=server)
        origins = {"store": {"base_url": f"{first.url}/", "cache": True}, "media": {"root": str(tmp_path)}}
        running = opened.enter_context(
            stage(tmp_path / "nginx", variant, origins, write=text, cache={"path": "cache"}, concurrency=2)
        )

        def of_second(origin: str, put: dict[str, str] | None = None) -> Reply:
            return ask(running.nginx.port, "/second" + target(origin, options={"identity": "1"}, put=put))

        for _ in range(2):
            assert running.get("store", options={"identity": "1"}).body == b"of the first"
            assert of_second("store").body == b"of the second"
            assert of_second("media").body == b"a file of the second"
        # neither app can hand off to an origin of the other
        for location in ("/_xaccel_two/store", "/_xaccel_two/media/x"):
            assert running.get("store", put={"X-Accel-Redirect": location}).status == 404
        for location in ("/_xaccel/store", "/_xaccel/media/media/x"):
            assert of_second("store", {"X-Accel-Redirect": location}).status == 404
        two = running.nginx.directory / "two.log"
        for read in (
            running.nginx.lines,
            lambda: [json.loads(text) for text in two.read_text().splitlines()],
        ):
            wait_until(lambda read=read: len(refused(read())) == 2, timeout_s=5)
            assert refused(read()) == ["forged", "forged"]


def refused(lines: list[dict[str, Any]]) -> list[str]:
    return [line["why"] for line in lines if line["status"] == "404"]
