"""Addresses that NGINX would refuse, found by running `nginx -t` on settings that were accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.site.mappings import LEAST, each_of
from xaccel.errors import NginxError
from xaccel.site.read_mapping import read
from xaccel.site.rules import authority_ok
from xaccel.tools.nginx import Nginx, standalone
from xaccel.tools.nginx.pools import system_lookup


@pytest.mark.parametrize(
    "authority",
    [*"a.b a.b:1 10.0.0.1 10.0.0.1:65535 [::1] [fd00::1]:80".split(), "x" * 63 + ".y", "x." * 126 + "y"],
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


INVALID = {
    "app": ["127.0.0.1:99999", "unix:", "a b:1", "http://x", ":8000", ""],
    "root_user": ["a b", ""],
    "listen": ["127.0.0.1:99999", "8080 ssl"],
}


@pytest.mark.parametrize(("option", "value"), each_of(INVALID))
def test_an_invalid_address_or_user_is_an_error(option: str, value: str) -> None:
    given: dict[str, Any] = {"listen": "127.0.0.1:1", "app": "unix:/app", "root_user": None, option: value}
    with pytest.raises(NginxError, match="is not an address or a user"):
        standalone(read(LEAST), Nginx(version=(1, 26, 3)), **given)


def test_a_name_that_no_dns_can_hold_does_not_resolve() -> None:
    assert system_lookup("a..b:80") == ()
