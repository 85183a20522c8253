"""The browser's client of uploads, upload.js, through NGINX to S3, in Chromium and in Firefox."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import Chromium, Window
from tests.browser.upload_page import served
from tests.conftest import on_one_build
from tests.live.uploads.scene import Scene, another_nginx, crc32_of, scene
from xaccel_testing import S3Server, Variant, nginx_server
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = on_one_build

PART = 5 << 20
SIZE = 2 * PART + 12_345


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.fixture
def site(upload_site: Scene) -> Scene:
    return upload_site


def begin(
    site: Scene,
    window: Window,
    path: str = "/files/a",
    size: int = 3_000_001,
    *,
    headers: Mapping[str, str] | None = None,
    pause_at: int = 0,
) -> None:
    """Open the page, and begin an upload. It is paused after so many bytes."""
    mark = secrets.token_hex(8)
    window.open(f"{site.nginx.url}/page.html?{mark}")
    # Firefox may still have the document before
    assert wait_until(lambda: window.evaluate("document.title") == f"ready?{mark}", timeout_s=60)
    window.evaluate(f"void begin({path!r}, {size}, {json.dumps(headers or {})}, {pause_at})")


def begin_and_pause(site: Scene, window: Window) -> str:
    """Begin an upload in three parts, and pause it while the second one is sent. Return where it goes on."""
    begin(site, window, size=SIZE, pause_at=PART)
    wait_for(window, "paused")
    [location] = window.evaluate("Object.values(localStorage)")
    return str(location)


def wait_for(window: Window, state: str) -> None:
    assert wait_until(lambda: window.evaluate("window.upload?.state") == state, timeout_s=60), (
        window.evaluate("[window.upload?.state, window.result]")
    )


def refused(site: Scene, window: Window, path: str, size: int = 100_000, **headers: str) -> list[Any]:
    """Begin an upload that is refused, and return the status and the message."""
    begin(site, window, path, size, headers=headers)
    name, status, message = result(window)
    assert (name, window.evaluate("upload.state")) == ("UploadError", "failed")
    return [status, message]


def result(window: Window) -> list[Any]:
    assert wait_until(lambda: window.evaluate("window.result !== undefined"), timeout_s=60)
    found: list[Any] = window.evaluate("window.result")
    return found


def test_a_file_is_stored_with_its_checksum_and_progress_is_reported(site: Scene, window: Window) -> None:
    size = 3_000_001
    begin(site, window, size=size)
    status, text = result(window)
    assert status == 201
    [made] = [one for one in site.told() if one["key"] in text]
    stored = site.s3.client().get_object(Bucket=site.bucket, Key=made["key"])
    assert (stored["Body"].read(), stored["ContentType"]) == (content(size), "image/png")
    assert made["crc32"] == crc32_of(content(size))
    seen = window.evaluate("window.seen")
    assert {state for state, _ in seen} == {"sending", "done"}
    assert seen == sorted(seen, key=lambda step: step[1])
    assert seen[-1] == ["done", size]


def test_a_user_reads_why_an_upload_is_refused(site: Scene, window: Window) -> None:
    """By the app before the first byte, by NGINX, or by the storage."""
    before = site.objects()
    no_room = refused(site, window, "/files/a?quota=10")
    assert no_room == [507, "There is no room left for this file."]
    forbidden = [403, "You may not upload here, or the CSRF token is missing."]
    assert refused(site, window, "/files/a", **{"X-User": "mallory"}) == forbidden
    assert refused(site, window, "/files/a", **{"X-CSRFToken": "x"}) == forbidden
    wrong = {"x-amz-checksum-crc32": crc32_of(b"another file")}
    changed = "The storage refused the file: its CRC-32 or its length is wrong."
    assert refused(site, window, "/files/a", **wrong) == [422, changed]
    assert refused(site, window, "/nothing", 1) == [404, "There is no such address."]
    assert site.objects() == before


def test_a_page_without_a_worker_computes_the_checksum_itself(site: Scene, window: Window) -> None:
    begin(site, window, "/files/a?no-worker", 4_500_007)
    status, text = result(window)
    [made] = [one for one in site.told() if one["key"] in text]
    assert (status, made["crc32"]) == (201, crc32_of(content(4_500_007)))


def test_an_upload_is_canceled_or_fails_with_its_connection(
    site: Scene, variant: Variant, tmp_path: Path, window: Window
) -> None:
    """The storage never responds."""
    before = site.objects()
    with closing(socket.create_server(("127.0.0.1", 0))) as storage:
        address = f"127.0.0.1:{storage.getsockname()[1]}"
        with another_nginx(site, tmp_path, variant, storage=address, extra_server=served(tmp_path)) as held:
            begin(held, window)
            wait_for(window, "sending")
            window.evaluate("upload.cancel()")
            assert result(window)[0] == "AbortError"
            assert window.evaluate("upload.state") == "canceled"
            begin(held, window)
            wait_for(window, "sending")
            pids = held.nginx.pids
            # all processes at once: none is left to respond for another
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in pids:
                    os.kill(pid, number)
            lost = ["UploadError", 0, "The connection was lost. Send the file again."]
            assert result(window) == lost
    assert site.objects() == before


def require_stored(site: Scene, window: Window) -> str:
    """The whole file is there once, and no part is left. Return the id of the upload."""
    status, text = result(window)
    assert status == 201, text
    [made] = [one for one in site.told() if one["key"] in text]
    stored = site.s3.client().get_object(Bucket=site.bucket, Key=made["key"])
    assert (stored["Body"].read(), stored["ContentType"]) == (content(SIZE), "image/png")
    assert unfinished(site) == []
    assert window.evaluate("localStorage.length") == 0
    return str(made["id"])


def unfinished(site: Scene) -> list[Any]:
    found: list[Any] = site.s3.client().list_multipart_uploads(Bucket=site.bucket).get("Uploads", [])
    return found


def test_a_large_file_goes_on_by_itself_when_the_server_is_back(
    site: Scene, variant: Variant, tmp_path: Path, window: Window
) -> None:
    with another_nginx(site, tmp_path, variant, extra_server=served(tmp_path)) as first:
        location = begin_and_pause(first, window)
    window.evaluate("upload.resume()")
    wait_for(window, "waiting")
    text = (first.nginx.directory / "nginx.conf").read_text()
    with nginx_server(first.nginx.directory, text, binary=variant.binary, ready_port=first.nginx.port):
        assert location.endswith(require_stored(site, window))


def test_a_large_file_goes_on_after_a_reload(site: Scene, window: Window) -> None:
    location = begin_and_pause(site, window)
    begin(site, window, size=SIZE)
    assert location.endswith(require_stored(site, window))


def test_a_large_file_that_is_canceled_leaves_no_part(site: Scene, window: Window) -> None:
    location = begin_and_pause(site, window)
    assert len(unfinished(site)) == 1
    window.evaluate("upload.cancel()")
    assert result(window)[0] == "AbortError"
    assert wait_until(lambda: unfinished(site) == [], timeout_s=60)
    # the browser has forgotten it too: the same file begins anew
    begin(site, window, size=SIZE)
    assert not location.endswith(require_stored(site, window))


def test_a_server_without_parts_gets_a_large_file_in_one_request(
    variant: Variant, s3: S3Server, tmp_path: Path, page: Page
) -> None:
    with scene(
        tmp_path, variant, s3, adapter="starlette", kind="asgi", extra_server=served(tmp_path)
    ) as site:
        begin(site, window := Chromium(page), size=SIZE)
        assert result(window)[0] == 201
        assert [*site.objects().values()] == [SIZE]
