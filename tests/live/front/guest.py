"""An NGINX whose operator has settings of his own, all awkward, with the generated parts included."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live import gates, stand_in
from tests.live.client import Reply
from tests.live.commands import OF_TESTS, operators_conf
from tests.live.conftest import build_of
from tests.live.objects import serve
from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.tools.nginx import Parts, emit
from xaccel_testing import Variant

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
    proxy_set_header X-Operator his; proxy_set_body "body of the operator";
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

    def write(parts: Parts, port: int, app: str) -> str:
        inside = f"""
            {http}
            {emit((*parts.engine, *parts.http))}
            {operators_server(parts, port, app, server)}
            {more}"""
        top = f"{OF_TESTS} worker_processes 2;"
        return operators_conf(build_of(variant).load_modules, inside, top=top, log="access.log")

    return write


IN_LOCATION = """
    proxy_cache off; limit_rate 0; proxy_set_body $request_body;
    allow all; auth_basic off; client_max_body_size 1m;
"""
"""What the operator has in each location of the app."""


def operators_server(parts: Parts, port: int, app: str, more: str = "") -> str:
    return f"""
    server {{
        listen 127.0.0.1:{port};
        {more}
        location / {{
            proxy_pass http://{app};
            {IN_LOCATION}
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
        ("Server", "StoreServer"),
        ("X-Amz-Request-Id", "leaked"),
        ("Set-Cookie", "sid=evil"),
        ("Content-Disposition", "attachment; filename=evil"),
    ]
    return serve(request, BODY, headers=headers)


@pytest.fixture(scope="module")
def guest(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("guest")
    for name in ("media", "nginx", "nginx/static"):
        (folder / name).mkdir()
    (folder / "media" / "x").write_bytes(BODY)
    (folder / "media" / "x.gz").write_bytes(gzip.compress(b"another object"))
    (folder / "nginx" / "static" / "page.html").write_bytes(BODY)
    (folder / "nginx" / "static" / "page.html.gz").write_bytes(gzip.compress(BODY))
    http = AWKWARD + (AWKWARD_DEB if "gunzip" in build_of(variant).modules else AWKWARD_WHEEL)
    with origin_server(answer) as origin:
        origins = {
            "partner": {"base_url": f"{origin.url}/"},
            "cached": {"base_url": f"{origin.url}/", "cache": True},
            "media": {"root": str(folder / "media")},
            "granted": {"base_url": f"{origin.url}/"},
            "bucket": {
                "bucket": "files",
                "endpoint_url": origin.url,
                "region": "x",
                "access_key": "a",
                "secret_key": "s",
            },
        }
        archives = stand_in.settings()
        (folder / "granted.conf").write_text(IN_LOCATION)
        with stage(
            folder / "nginx",
            variant,
            origins,
            write=operators_text(variant, http=http),
            size_of=lambda key: None if key == "missing" else len(BODY),
            cache={"path": "cache"},
            archives=archives,
            **gates.settings(folder / "nginx", archives["listen"], include=str(folder / "granted.conf")),
        ) as running:
            yield Guest(running, origin)


ORIGINS = ("partner", "cached", "media", "archives", "granted")


def get(guest: Guest, origin: str, key: str = "x", *, method: str = "GET", **headers: str) -> Reply:
    return guest.stage.get(
        origin,
        key,
        method=method,
        headers={"Accept-Encoding": "gzip", "Cookie": "sid=topsecret-0123456789", **headers},
        options={"cache_version": "1", "filename": SECRET_NAME, "content_type": "text/plain"},
    )
