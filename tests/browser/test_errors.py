"""The pages that NGINX sends itself have the portal's look."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.browser.people import named, signed_in
from tests.conftest import on_one_build

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

    from portal.demo.stack import SharedFile, Stack

pytestmark = on_one_build


@contextmanager
def missing(portal: Stack, file: SharedFile) -> Iterator[None]:
    """Take the object out of the storage while the block runs."""
    place = {"Bucket": portal.identity.bucket, "Key": file.sample.key}
    client = portal.s3.client()
    content = client.get_object(**place)["Body"].read()
    client.delete_object(**place)
    try:
        yield
    finally:
        client.put_object(**place, Body=content, ContentType=file.sample.content_type)


def check_look(frame: Page | Frame) -> None:
    """The page has a language, one landmark, the style sheet, and a way on that leaves a frame."""
    assert frame.locator("html").get_attribute("lang") == "en"
    assert frame.get_by_role("main").count() == 1
    link = frame.get_by_role("link", name="Go to my files")
    assert link.evaluate("it => getComputedStyle(it).borderRadius") == "8px"
    assert link.evaluate("it => it.ownerDocument.querySelector('base').target") == "_top"


def test_a_download_whose_object_is_gone_shows_a_page(portal: Stack, page: Page) -> None:
    file = named(portal, "C++ notes")
    signed_in(portal, page, "alice")
    with missing(portal, file):
        response = page.goto(f"{portal.nginx.url}{file.path}")
        assert response is not None
        assert response.status == 404
        assert page.get_by_role("heading").inner_text() == "File or page not found"
        check_look(page)


def test_a_preview_whose_object_is_gone_shows_the_page_in_its_frame(portal: Stack, page: Page) -> None:
    file = named(portal, "C++ notes")
    signed_in(portal, page, "alice")
    with missing(portal, file):
        page.goto(f"{portal.nginx.url}/files/{file.pk}/preview")
        frame = page.frames[1]
        frame.get_by_role("heading", name="File or page not found").wait_for()
        check_look(frame)
        frame.get_by_role("link", name="Go to my files").click()
        page.get_by_role("heading", name="My files").wait_for()


def test_a_missing_static_file_shows_a_page(portal: Stack, page: Page) -> None:
    response = page.goto(f"{portal.nginx.url}/static/none")
    assert response is not None
    assert response.status == 404
    check_look(page)


@pytest.mark.parametrize(
    ("target", "status"), [(b"/" + b"x" * 40_000, 414), (b"/%00", 400)], ids=["too long", "NUL"]
)
def test_requests_that_nginx_cannot_read_get_a_page(portal: Stack, target: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", portal.nginx.port)) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reply = connection.makefile("rb").read().decode()
    assert reply.startswith(f"HTTP/1.1 {status} ")
    assert '<html lang="en">' in reply
