"""Directives that an operator sets for all pages, such as limits and headers, and their effect on downloads."""

from __future__ import annotations

import socket
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.client import ask
from tests.live.conftest import build_of
from tests.live.front.guest import BODY, OPERATOR_PAGE, ORIGINS, Guest, get, guest, guest_with_lines
from tests.live.stage import target
from xaccel.testing import Variant

__all__ = ["guest"]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("log", ["auth.log", "mirror.log"])
def test_a_door_is_gone_through_once(guest: Guest, origin: str, log: str) -> None:
    """Before the app is asked; NGINX would do it again at each change of location."""
    nginx, mark = guest.stage.nginx, str(uuid4())
    guest.stage.lines_of(
        lambda: guest.stage.get(origin, options={"subject": mark}, headers={"Cookie": "sid=topsecret"})
    )
    assert (nginx.directory / log).read_text().count(mark) == 1


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_request_is_counted_once(guest: Guest, origin: str) -> None:
    counted = {"X-Counted": str(uuid4())}
    assert get(guest, origin, **counted).status == 200
    limited = get(guest, origin, **counted)
    assert (limited.status, OPERATOR_PAGE in limited.body) == (429, True)


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_body_that_the_apps_location_takes_is_taken(guest: Guest, origin: str) -> None:
    at = target(origin, options={"cache_version": "1"})
    reply = ask(guest.stage.nginx.port, at, "POST", body=b"x" * 2000)
    assert (reply.status, reply.body) == (200, BODY)


def test_the_operators_access_rules_apply_to_other_pages(guest: Guest) -> None:
    port = guest.stage.nginx.port
    assert ask(port, "/a.pdf").status == 200  # `return` comes before his doors
    assert ask(port, "/closed/x").status == 403
    assert ask(port, "/static/page.html").all("Set-Cookie")[0].startswith("uid=")


def test_a_trailer_of_an_origin_never_reaches_the_client(guest: Guest) -> None:
    """An operator may pass them on for his own servers (proxy_pass_trailers, since NGINX 1.27.2)."""
    with socket.create_connection(("127.0.0.1", guest.stage.nginx.port), timeout=5) as connection:
        at = target("partner", "trailer")
        connection.sendall(
            f"GET {at} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n".encode()
        )
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"abc\r\n0\r\n\r\n")


@pytest.mark.parametrize("origin", ["partner", "media"])
def test_a_trailer_of_the_operator_removes_the_length_before_nginx_1_29_3(
    variant: Variant, tmp_path: Path, origin: str
) -> None:
    """Documented: add_trailer on an outer level, before NGINX 1.29.3. The bytes are whole all the same."""
    with guest_with_lines(variant, tmp_path, "add_trailer X-Operator his always;") as running:
        reply = running.stage.get(origin)
    assert reply.body == BODY
    inherits = not build_of(variant).has("add_header_inherit")
    assert (reply.one("Content-Length") is None, reply.one("Transfer-Encoding") == "chunked") == (
        inherits,
        inherits,
    )
