from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaccel.errors import HeaderRefused
from xaccel.handoff.headers import require_header_value
from xaccel.site.rules import (
    FORBIDDEN_REQUEST_HEADERS,
    OWNED_RESPONSE_HEADERS,
    declarable,
    header_value_ok,
    is_request_header,
)


@pytest.mark.parametrize("name", ["X-Robots-Tag", "vary", "A", "X-1", "a" * 64])
def test_a_plain_name_is_taken(name: str) -> None:
    assert is_request_header(name)
    assert declarable(name)


@pytest.mark.parametrize(
    "name",
    [
        *"X_Robots 1-X -X X: Xé \u212a $http_cookie".split(),
        "",
        "X Robots",
        "X\n",
        "X\r\nY",
        "a" * 65,
        None,
        3,
    ],
    ids=ascii,
)
def test_an_invalid_header_name_is_refused(name: object) -> None:
    assert not is_request_header(name)
    assert not declarable(name)


OWNED = """
    Cache-Control CONTENT-DISPOSITION content-type ETag Last-Modified Set-Cookie Content-Length Transfer-Encoding
    Content-Encoding Location X-Content-Type-Options X-Accel-Redirect x-accel-buffering Xaccel-Auth xaccel-header-x
"""


@pytest.mark.parametrize("name", OWNED.split())
def test_names_with_an_owner_cannot_be_declared(name: str) -> None:
    assert declarable(f"X-{name}")
    assert not declarable(name)


def test_the_lists_are_lower_case() -> None:
    for names in (OWNED_RESPONSE_HEADERS, FORBIDDEN_REQUEST_HEADERS):
        assert names
        assert all(name == name.lower() and declarable(f"x-{name}") for name in names)
    assert not any(map(declarable, OWNED_RESPONSE_HEADERS))
    assert not any(map(is_request_header, FORBIDDEN_REQUEST_HEADERS))


@pytest.mark.parametrize("value", ["a\n", "é", None, 5, b"a"], ids=ascii)
def test_an_invalid_header_value_is_refused(value: object) -> None:
    with pytest.raises(HeaderRefused) as refused:
        require_header_value(value, "options.subject")
    assert refused.value.where == "options.subject"


@given(st.text(max_size=20) | st.text(st.characters(max_codepoint=127), max_size=4))
def test_a_value_is_taken_exactly_when_it_is_printable_ascii(value: str) -> None:
    printable = value.isascii() and value.isprintable() and bool(value) and value == value.strip(" ")
    assert header_value_ok(value) == printable
    if printable:
        assert require_header_value(value, "headers") == value
