"""The parts inside an NGINX whose operator has settings of his own, all awkward: neither disturbs the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.client import KNOWN, ask, begun
from tests.live.conftest import build_of
from tests.live.front.guest import (
    BODY,
    OPERATOR_PAGE,
    ORIGINS,
    SECRET_NAME,
    Guest,
    get,
    guest,
    guest_with_lines,
)
from tests.live.stage import target
from tests.pages import ROOT
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

__all__ = ["guest"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_operators_settings_do_not_change_a_download(guest: Guest, origin: str) -> None:
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


@pytest.mark.parametrize("origin", ["partner", "cached", "media"])  # of archives the adapter knows the tag
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

    def status(key: str, **headers: str) -> str:
        # NGINX stores the file after the client has its last byte, and before it writes the entry
        [line] = guest.stage.lines_of(lambda: get(guest, "cached", key, **headers))
        found: str = line["cache"]
        return found

    for key in ("cache-a", "cache-b"):
        guest.origin.requests.clear()
        assert [status(key) for _ in range(2)] == ["MISS", "HIT"]
        assert [request.target for request in guest.origin.requests] == [f"/{key}"]
    assert (status("cold"), status("cold", Range="bytes=2-5")) == ("MISS", "HIT")


def test_the_operators_settings_send_nothing_to_the_origin(guest: Guest) -> None:
    guest.origin.requests.clear()
    of_the_client = {
        "Authorization": "Basic dXNlcjpwYXNz",
        "X-Forwarded-For": "203.0.113.9",
        "Referer": "https://x",
    }
    assert get(guest, "partner", **of_the_client).status == 200  # and a cookie
    [request] = guest.origin.requests
    assert sorted(name.lower() for name, _ in request.headers) == ["host", "user-agent"]
    assert request.version == "HTTP/1.1"


@pytest.mark.parametrize(
    ("key", "status", "text"), [("missing", 404, b"Not found"), ("refused", 502, b"The storage")]
)
@pytest.mark.parametrize("origin", ORIGINS)
def test_an_operators_error_page_does_not_replace_xaccels(
    guest: Guest, origin: str, key: str, status: int, text: bytes
) -> None:
    if origin in ("media", "archives"):
        key, status, text = "missing", 404, b"Not found"
    reply = get(guest, origin, key)
    assert reply.status == status
    assert reply.body.startswith(text)
    assert OPERATOR_PAGE not in reply.body
    for name in ("Content-Disposition", "X-Operator", "WWW-Authenticate", "Expires", "Content-Encoding"):
        assert reply.one(name) is None
    assert (reply.one("Content-Type"), reply.one("Cache-Control")) == ("text/plain", "no-store")


@pytest.mark.parametrize("key", ["a.pdf", "partner/a.pdf"])
def test_a_regular_expression_of_the_operator_matches_no_download(guest: Guest, key: str) -> None:
    assert get(guest, "partner", key).body == BODY
    assert get(guest, "media", key).body.startswith(b"Not found")


def test_the_operators_other_pages_keep_their_settings(guest: Guest) -> None:
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


@pytest.mark.parametrize(("excluded", "status"), [("|_xaccel", 200), ("", 302)])
def test_a_redirect_of_other_pages_spares_downloads_as_the_page_says(
    variant: Variant, tmp_path: Path, excluded: str, status: int
) -> None:
    page = (ROOT / "docs/operate/nginx.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^if \(\$uri .*", page, re.MULTILINE)
    server = line.replace("portal/|_xaccel", f"send{excluded}")
    with guest_with_lines(variant, tmp_path, server) as running:
        assert running.stage.get("partner", "x").status == status
        assert ask(running.stage.nginx.port, "/page").one("Location").endswith("/portal/")


def test_a_file_is_sent_as_it_is_whatever_files_the_operator_keeps_open(
    variant: Variant, tmp_path: Path
) -> None:
    lines = "open_file_cache max=9 inactive=1h; open_file_cache_valid 1h; open_file_cache_errors on;"
    file = tmp_path / "media" / "x"
    with guest_with_lines(variant, tmp_path, lines) as running:
        for body in (b"one", b"two", b"three"):
            (tmp_path / "next").write_bytes(body)
            (tmp_path / "next").replace(file)
            assert [running.stage.get("media", "x").body for _ in range(3)] == [body] * 3
            file.unlink()
            assert [running.stage.get("media", "x").status for _ in range(3)] == [404] * 3


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
    # a location of GRANTS has an error_page of its own, so it inherits none of the server
    assert (limited.status, OPERATOR_PAGE in limited.body) == (429, origin != "granted")


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
    at = target("partner", "trailer")
    with begun(guest.stage.nginx.port, at, headers="TE: trailers\r\n") as connection:
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
def test_the_operators_headers_are_repeated_on_downloads_and_on_pages(
    repeating: Guest, origin: str, key: str
) -> None:
    for reply in (repeating.stage.get(origin, key), repeating.stage.get(origin, key, method="HEAD")):
        assert reply.one("Strict-Transport-Security") == "max-age=31536000"
        assert reply.one("X-Frame-Options") == "DENY"


@pytest.mark.parametrize("key", ["x", "missing", "refused"])
@pytest.mark.parametrize("origin", ["partner", "media"])
def test_the_operators_logs_have_one_entry_per_download_with_its_address(
    repeating: Guest, origin: str, key: str
) -> None:
    nginx, mark = repeating.stage.nginx, str(uuid4())
    _, line = repeating.stage.logged(origin, key, options={"subject": mark})
    for name in ("his.log", "his-combined.log"):
        wait_until(lambda name=name: mark in (nginx.directory / name).read_text(), timeout_s=60)
        [found] = [text for text in (nginx.directory / name).read_text().splitlines() if mark in text]
        assert '"GET /send?q=' in found
        assert f'" {line["status"]} ' in found
        assert "_xaccel" not in found
    # what he did not name is silent for downloads
    assert mark not in nginx.access_log
