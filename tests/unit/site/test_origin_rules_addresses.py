"""Addresses and units that NGINX would refuse, found by running `nginx -t` on what the settings took."""

from __future__ import annotations

from typing import Any

import pytest

from xaccel import ConfigErrors
from xaccel.errors import NginxError
from xaccel.nginx import Nginx, standalone
from xaccel.nginx.pools import system_lookup
from xaccel.site.read_mapping import read
from xaccel.site.rules import authority_ok

SECRET = "0123456789abcdef0123456789ABCDEF-_"


@pytest.mark.parametrize(
    "authority",
    [
        "a.b",
        "a.b:1",
        "10.0.0.1",
        "10.0.0.1:65535",
        "[::1]",
        "[fd00::1]:80",
        "x" * 63 + ".y",
        "x." * 126 + "y",
    ],
)
def test_a_host_with_or_without_a_port_is_taken(authority: str) -> None:
    assert authority_ok(authority)


@pytest.mark.parametrize(
    "authority",
    [
        *"999.1.1.1 1.2.3 a..b a.b:0 a.b:65536 a.b: [:::] [1::2::3]:80 [fd00::1]:99999 [10.0.0.1] :80".split(),
        "[fe80::1%eth0]:80",
        "",
        "x" * 64,
        "x." * 127 + "y",
    ],
)
def test_anything_else_is_not(authority: str) -> None:
    assert not authority_ok(authority)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"RESOLVER": ["999.1.1.1"]}, {}),
        ({"RESOLVER": ["1.1.1.1:0"]}, {}),
        ({"CACHE": {"path": "c", "keys": "1k"}}, {}),
        ({"CACHE": {"path": "c", "keys": "8k"}}, {}),
        ({"CACHE": {"path": "c", "keys": "1g"}}, {}),
        ({"CACHE": {"path": "c", "max_size": "99999999999999g"}}, {}),
        ({"CACHE": {"path": "c", "inactive": "500ms"}}, {}),
        ({"CACHE": {"path": "c", "valid": "1ms"}}, {}),
        ({"ACCESS_LOGS": ["  "]}, {}),
        ({"TRANSFER_LOG": "off"}, {}),
        ({}, {"connect_to": ["10.0.0.1:99999"]}),
        ({}, {"connect_to": ["a..b:80"]}),
        ({}, {"redirect_hosts": ["cdn.example:0"]}),
        ({}, {"redirect_hosts": ["*.a..b"]}),
        ({}, {"base_url": "http://a..b/"}),
        ({}, {"base_url": "http://999.1.1.1/"}),
    ],
)
def test_values_that_nginx_refuses_are_configuration_errors(
    settings: dict[str, Any], options: dict[str, Any]
) -> None:
    origin = {"type": "http", "base_url": "http://store.example/", **options}
    with pytest.raises(ConfigErrors):
        read({"SECRET": SECRET, "ORIGINS": {"a": origin}, **settings})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("app", "127.0.0.1:99999"),
        ("app", "unix:"),
        ("app", "a b:1"),
        ("app", "http://x"),
        ("app", ":8000"),
        ("app", ""),
        ("root_user", "a b"),
        ("root_user", ""),
        ("listen", "127.0.0.1:99999"),
        ("listen", "8080 ssl"),
    ],
)
def test_an_invalid_address_or_user_is_an_error(option: str, value: str) -> None:
    site = read(
        {
            "SECRET": SECRET,
            "ORIGINS": {"a": {"type": "local", "root": "/srv"}},
        }
    )
    given = {"listen": "127.0.0.1:1", "app": "unix:/app", "root_user": None, option: value}
    with pytest.raises(NginxError, match="is not an address or a user"):
        standalone(site, Nginx(version=(1, 26, 3)), **given)


def test_a_name_that_no_dns_can_hold_does_not_resolve() -> None:
    assert system_lookup("a..b:80") == ()
