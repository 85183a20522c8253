"""Published faults of NGINX: which versions and packages have them, and which configurations can meet them."""

from __future__ import annotations

from datetime import date

import pytest

from xaccel.tools.lint.configuration import Configuration
from xaccel.tools.lint.published import CONDITIONS, PUBLISHED, has_fault, published
from xaccel.tools.lint.reading import parse

RESOLVER = "CVE-2026-123634"


def names(text: str, version: str) -> list[str]:
    found = published(Configuration(parse(f"# configuration file nginx.conf:\n{text}")), version)
    return [fault.partition(" ")[0] for _, fault in found]


def test_the_table_is_short_and_each_row_has_its_date_and_its_condition() -> None:
    assert len(PUBLISHED) <= 14
    assert {row["when"] for row in PUBLISHED.values()} == {*CONDITIONS}
    dates = [row["date"] for row in PUBLISHED.values()]
    assert dates == sorted(dates, reverse=True)
    assert all(isinstance(one, date) for one in dates)


@pytest.mark.parametrize(
    ("version", "is_faulty"),
    [
        ("0.6.17", False), ("1.26.3", True), ("1.30.6", True), ("1.30.7", False), ("1.31.0", True), ("1.31.8", True),
        ("1.31.9", False), ("1.31.10", False), ("1.32.0", False),
    ],
)  # fmt: skip
def test_each_branch_has_its_fix(version: str, is_faulty: bool) -> None:
    assert has_fault(version, PUBLISHED[RESOLVER]) == is_faulty


@pytest.mark.parametrize(("revision", "is_faulty"), [(4, True), (10, True), (11, False), (12, False)])
def test_debians_revisions_count(revision: int, is_faulty: bool) -> None:
    text = "http { resolver 10.0.0.1; auth_request /ask; }"
    assert (names(text, f"1.26.3-3+deb13u{revision}") == [RESOLVER]) == is_faulty
    assert RESOLVER in names(text, "1.26.3")


@pytest.mark.parametrize("version", ["1.24.0-2ubuntu7", "1.26", "x", "1.26.3-9"])
def test_of_another_package_nothing_is_claimed(version: str) -> None:
    with pytest.raises(ValueError, match=version):
        names("http { http2 on; }", version)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("resolver 10.0.0.1; location / { auth_request /ask; }", "123634"),
        ("resolver 10.0.0.1; location / { ssi on; }", "123634"),
        ("server { http2 on; }", "123007"),
        ("server { listen 443 ssl http2; }", "123633"),
        ("server { listen 443 ssl; }", "118899"),
        ("server { listen 443 quic; }", "121810"),
        ("location /a { alias /srv; try_files $uri =404; }", "125283"),
        ("location /a { rewrite ^ /b; alias /srv; }", "15176"),
        ("location /a { ssi on; aio threads; }", "97205"),
        ("map $uri $x { ~^/(.) $1; }", "42533"),
        ("location /a { slice 1m; }", "60005"),
        ("location /a { ssi on; }", "56434"),
        ("location /a { rewrite ^/((.*))$ /b?$1$2; }", "9256"),
        ("location /a { rewrite ^/(.*)$ /b?c=d; set $x $1; }", "42945"),
        ("location /a { proxy_pass https://store; }", "1642"),
    ],
)
def test_a_configuration_meets_a_fault(text: str, number: str) -> None:
    assert f"CVE-2026-{number}" in names(text, "1.26.3")
    assert f"CVE-2026-{number}" not in names(text, "1.31.10")


@pytest.mark.parametrize(
    "text",
    [
        "resolver 10.0.0.1; location / { proxy_pass http://$host; }",
        "location / { auth_request /ask; }",
        "server { listen 80; http2 off; }",
        "ssl_protocols TLSv1.2; server { listen 443 ssl; }",
        "location /a { alias /srv; } location /b { try_files $uri =404; rewrite ^ /c; }",
        "map $uri $x { /a 1; }",
        "location /a { rewrite ^/(.*)/(.*)$ /b/$1$2; rewrite ^/(.*)$ /c?d; set $x $y; }",
        "location /a { proxy_pass http://store; aio on; }",
    ],
)
def test_a_configuration_does_not_meet_any(text: str) -> None:
    assert names(text, "1.26.3") == []
