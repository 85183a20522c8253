from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.site.mappings import each_of, problems
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


INVALID_OF_A_BUCKET: dict[str, list[Any]] = {
    "bucket": ["", "ab", "-docs", "docs/", "do cs", "döcs", "docs\n", "docs?x"],
    "endpoint_url": ["127.0.0.1:9000", "s3://store", "https://store/?x"],
    "addressing_style": ["dns"],
    "access_key": ["a"],
    "secret_key": ["a"],
    "expires_s": [0, MAX_EXPIRES_S + 1, 1.5],
    "connect_to": [
        (one,) for one in "store store:http fd00::1:9000 store:9000; http://store:9000 $host:80 unix:/run/x"
        " 10.0.0.1:99999 a..b:80".split()
    ],
    "ca_file": ["own.pem"],
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), each_of(INVALID_OF_A_BUCKET))
def test_a_wrong_field_of_a_bucket_is_named(field: str, value: Any) -> None:
    assert places(S3Origin(**{"bucket": "docs", field: value})) == [field]


NO_BASE_URLS = r"""
    files.example/ //files.example/ ftp://files.example/ https:/// https:/files.example/ https://files.example:0/
    https://files.example:/ https://files.example:65536/ https://files.example:http/ https://user:pass@files.example/
    https://files.example/?q/ https://files.example/#f/ https://files.exämple/ https://$host/ https://*.example/
    https://files_example;x/ https://[::1/ https://-files/ https://files.example./ https://files.example/"/
    http://a..b/ http://999.1.1.1/
"""
WITH_SPACES = [
    "",
    "https://files.example/a b/",
    "https://files.example/\n/",
    "https://files.example/$host/x\x00/",
]


@pytest.mark.parametrize("base_url", [*NO_BASE_URLS.split(), *WITH_SPACES], ids=ascii)
def test_an_invalid_base_url_is_an_error(base_url: str) -> None:
    assert not is_http_url(base_url)


@pytest.mark.parametrize("host", ["cdn.example:0", "*.a..b"])
def test_a_host_that_nginx_refuses_is_no_redirect_host(host: str) -> None:
    assert places(HTTPOrigin(base_url="https://h.example/", redirect_hosts=(host,))) == ["redirect_hosts"]


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
