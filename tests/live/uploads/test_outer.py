"""Directives that an operator has for all pages change nothing in an upload."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.uploads.scene import Scene, another_nginx, crc32_of
from xaccel.tools.nginx.emit import Directive, block, directive
from xaccel_testing import Variant

BODY = os.urandom(400_000)
OUTER: dict[str, list[Directive]] = {
    "an address is enough": [directive("satisfy", "any"), directive("allow", "all")],
    "pages for errors": [directive("error_page", *range(400, 499), *range(500, 508), "=200", "/fine")],
    "mirror": [directive("mirror", "/mirrored"), directive("mirror_request_body", "on")],
    "SSI": [directive("ssi", "on"), directive("ssi_types", "*")],
    "another request for access": [directive("auth_request", "/fine")],
    "headers": [
        directive("add_header", "X-Outer", "1", "always"),
        directive("proxy_set_header", "X-Outer", "1"),
    ],
    "buffers on disk": [
        directive("client_body_in_file_only", "on"),
        directive("client_body_buffer_size", "8k"),
        directive("proxy_request_buffering", "on"),
    ],
    "small bodies": [directive("client_max_body_size", "1k")],
    "errors are intercepted": [
        directive("proxy_intercept_errors", "on"),
        directive("error_page", 404, 422, "=200", "/fine"),
    ],
}


@pytest.mark.parametrize("outer", OUTER)
def test_an_upload_is_stored_or_refused_whatever_the_operator_set(
    flask_site: Scene, tmp_path: Path, variant: Variant, outer: str
) -> None:
    before, told = flask_site.objects(), len(flask_site.told())
    fine = [
        block("location", "=", path, inside=[directive("return", 200)]) for path in ("/fine", "/mirrored")
    ]
    with another_nginx(flask_site, tmp_path, variant, extra_server=[*OUTER[outer], *fine]) as site:
        made = json.loads(site.put(BODY).body)
        after = {**before, made["key"]: len(BODY)}
        assert site.objects() == after
        refused = {"Accept": "application/json", "X-User": "alice"}
        for status, path, headers in (
            (401, "/files/a", {"X-User": ""}),
            (404, "/files/a/b", {}),
            (413, "/files/a?max=1", {}),
        ):
            for waits in ({}, {"Expect": "100-continue"}):
                head = {**refused, **headers, **waits, "Content-Length": "400000", "Connection": "close"}
                assert site.head_of(path, head).startswith(f"HTTP/1.1 {status} ".encode())
        assert site.put(BODY, headers={"x-amz-checksum-crc32": crc32_of(b"")}).status == 422
        assert site.objects() == after
        assert site.told()[told:] == [made]


@pytest.mark.parametrize("outer", ["address", "password", "request"])
def test_the_operators_addresses_and_passwords_count(
    flask_site: Scene, tmp_path: Path, variant: Variant, outer: str
) -> None:
    before = flask_site.objects()
    (tmp_path / "users").write_text("ada:{PLAIN}secret\n")
    closed = {
        "address": (403, [directive("deny", "all")]),
        "password": (
            401,
            [directive("auth_basic", "x"), directive("auth_basic_user_file", f"{tmp_path}/users")],
        ),
        "request": (403, [directive("auth_request", "/no")]),
    }
    status, directives = closed[outer]
    no = block("location", "=", "/no", inside=[directive("return", 403)])
    with another_nginx(flask_site, tmp_path, variant, extra_server=[*directives, no]) as site:
        assert site.put(BODY).status == status
        assert ask(site.nginx.port, "/files/a").status == status
        if outer == "password":
            assert site.put(BODY, headers={"Authorization": "Basic YWRhOnNlY3JldA=="}).status == 201
        else:
            assert site.objects() == before


@pytest.mark.parametrize(("front", "proto"), [("127.0.0.1", "https"), ("192.0.2.1", "http")])
def test_the_app_gets_the_scheme_that_a_trusted_front_reports(
    flask_site: Scene, tmp_path: Path, variant: Variant, front: str, proto: str
) -> None:
    real_ip = [directive("set_real_ip_from", front), directive("real_ip_header", "X-Forwarded-For")]
    with another_nginx(flask_site, tmp_path, variant, extra_server=real_ip) as site:
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        assert json.loads(ask(site.nginx.port, "/files/a", "POST", headers, b"").body)["proto"] == proto
