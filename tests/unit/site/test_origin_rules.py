from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.site.mappings import problems
from xaccel import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.origins import Origin
from xaccel.site.rules import MAX_EXPIRES_S, is_http_url

WHERE = 'XACCEL["ORIGINS"]["x"]'


def places(origin: Origin) -> list[str]:
    return [
        problem.where.removeprefix(f'{WHERE}["').removesuffix('"]') for problem in problems(origin, WHERE)
    ]


@pytest.mark.parametrize(
    "origin",
    [
        S3Origin(bucket="docs"),
        S3Origin(bucket="Do_cs.1-x", region="eu-west-1", endpoint_url="http://127.0.0.1:9000"),
        S3Origin(bucket="docs", endpoint_url="https://[fd00::1]:9000/gateway/"),
        S3Origin(
            bucket="docs", access_key="a", secret_key="b", session_token="c", addressing_style="virtual"
        ),
        S3Origin(bucket="docs", expires_s=1, connect_to=("10.0.0.5:9000", "[fd00::1]:9000", "store:80")),
        S3Origin(bucket="docs", expires_s=MAX_EXPIRES_S, ca_file="/etc/ssl/own.pem"),
        HTTPOrigin(base_url="https://files.example/"),
        HTTPOrigin(base_url="http://127.0.0.1:8080/a%20b/", request_headers={"Authorization": "Bearer x=="}),
        HTTPOrigin(base_url="https://xn--bcher-kva.example/"),
        LocalOrigin(root="/"),
        LocalOrigin(root="/srv/with space/ü"),
    ],
)
def test_a_right_origin_has_no_problem(origin: Origin) -> None:
    assert places(origin) == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": "ab"}, "bucket"),
        ({"bucket": "-docs"}, "bucket"),
        ({"bucket": "docs/"}, "bucket"),
        ({"bucket": "do cs"}, "bucket"),
        ({"bucket": "döcs"}, "bucket"),
        ({"bucket": "docs\n"}, "bucket"),
        ({"bucket": "docs?x"}, "bucket"),
        ({"endpoint_url": "127.0.0.1:9000"}, "endpoint_url"),
        ({"endpoint_url": "s3://store"}, "endpoint_url"),
        ({"endpoint_url": "https://store/?x"}, "endpoint_url"),
        ({"addressing_style": "dns"}, "addressing_style"),
        ({"access_key": "a"}, "access_key"),
        ({"secret_key": "a"}, "secret_key"),
        ({"expires_s": 0}, "expires_s"),
        ({"expires_s": MAX_EXPIRES_S + 1}, "expires_s"),
        ({"expires_s": 1.5}, "expires_s"),
        ({"connect_to": ("store",)}, "connect_to"),
        ({"connect_to": ("store:http",)}, "connect_to"),
        ({"connect_to": ("fd00::1:9000",)}, "connect_to"),
        ({"connect_to": ("store:9000;",)}, "connect_to"),
        ({"connect_to": ("http://store:9000",)}, "connect_to"),
        ({"connect_to": ("$host:80",)}, "connect_to"),
        ({"connect_to": ("unix:/run/x",)}, "connect_to"),
        ({"ca_file": "own.pem"}, "ca_file"),
    ],
)
def test_a_wrong_field_of_a_bucket_is_named(fields: dict[str, Any], where: str) -> None:
    assert places(S3Origin(**{"bucket": "docs", **fields})) == [where]


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "files.example/",
        "//files.example/",
        "ftp://files.example/",
        "https:///",
        "https:/files.example/",
        "https://files.example:0/",
        "https://files.example:/",
        "https://files.example:65536/",
        "https://files.example:http/",
        "https://user:pass@files.example/",
        "https://files.example/?q/",
        "https://files.example/#f/",
        "https://files.example/a b/",
        "https://files.exämple/",
        "https://files.example/\n/",
        "https://files.example/$host/x\x00/",
        "https://$host/",
        "https://*.example/",
        "https://files_example;x/",
        "https://[::1/",
        "https://-files/",
        "https://files.example./",
        'https://files.example/"/',
    ],
    ids=ascii,
)
def test_an_invalid_base_url_is_an_error(base_url: str) -> None:
    assert not is_http_url(base_url)


def test_a_password_in_a_url_is_not_repeated() -> None:
    told = "".join(
        str(problem) for problem in problems(HTTPOrigin(base_url="https://u:hush@h.example/"), WHERE)
    )
    assert "user information" in told
    assert "hush" not in told


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_signature_lives_a_second_at_least(seconds: int) -> None:
    assert places(HTTPOrigin(base_url="https://h.example/", expires_s=seconds)) == ["expires_s"]
    assert places(HTTPOrigin(base_url="https://h.example/", expires_s=1)) == []


def test_a_base_url_ends_with_a_slash() -> None:
    assert places(HTTPOrigin(base_url="https://files.example/files")) == ["base_url"]
    assert places(HTTPOrigin(base_url="https://files.example")) == ["base_url"]


@pytest.mark.parametrize(
    "request_headers",
    [
        *(
            {name: "x"}
            for name in "Host RANGE cookie User-Agent If-None-Match Connection Accept-Encoding X_Y".split()
        ),
        {"X\r\nY": "x"},
        {"Authorization": "Bearer $x"},
        {"Authorization": "Bearer x\r\nCookie: a=b"},
        {"Authorization": "Bearer é"},
        {"Authorization": ""},
    ],
    ids=ascii,
)
def test_an_invalid_request_header_is_reported_without_its_value(request_headers: Mapping[str, str]) -> None:
    origin = HTTPOrigin(base_url="https://files.example/", request_headers=request_headers)
    (problem,) = problems(origin, WHERE)
    assert problem.where == f'{WHERE}["request_headers"]'
    assert "Bearer" not in str(problem)


@pytest.mark.parametrize(
    "root",
    ["", "srv", "./srv", "/srv/../etc", "/..", "/srv/$host", "/srv\n", "/srv\x00", "/srv\x7f"],
    ids=ascii,
)
def test_an_invalid_root_is_an_error(root: str) -> None:
    assert places(LocalOrigin(root=root)) == ["root"]
