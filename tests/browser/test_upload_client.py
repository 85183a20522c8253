"""The browser's client of uploads, upload.js, through NGINX to S3, in Chromium and in Firefox."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Window
from tests.conftest import on_one_build
from tests.live.uploads.scene import Scene, another_nginx, crc32_of, scene
from xaccel.nginx.emit import Directive, Raw, block, directive
from xaccel_testing import S3Server, Variant
from xaccel_testing.servers.processes import wait_until

pytestmark = on_one_build

CLIENT = ROOT / "src/xaccel/django/uploads/static/xaccel/upload.js"
PAGE = """<!doctype html><title>page</title><script type="module" src="/page.js"></script>"""
SCRIPT = """
import { Upload } from "/upload.js";
window.begin = async (path, size, headers) => {
  window.seen = [];
  if (path.includes("no-worker")) delete window.Worker;
  const token = await (await fetch("/files/token")).text();
  const file = new File([Uint8Array.from({ length: size }, (_, at) => at % 251)], "a.png", { type: "image/png" });
  const upload = window.upload = new Upload(path, file, { headers: { "X-CSRFToken": token, ...headers } });
  upload.onprogress = () => window.seen.push([upload.state, upload.sent]);
  upload.done.then(
    async (response) => { window.result = [response.status, await response.text()]; },
    (error) => { window.result = [error.name, error.status ?? null, error.message]; });
};
document.title = "ready";
"""
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"
"""The strictest one: the worker is a script of the same host."""


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def served(folder: Path) -> Iterator[Directive]:
    """Yield locations for the client and the page."""
    (folder / "page.html").write_text(PAGE)
    (folder / "page.js").write_text(SCRIPT)
    for path, file in (
        ("/upload.js", CLIENT),
        ("/page.js", folder / "page.js"),
        ("/page.html", folder / "page.html"),
    ):
        types = block("types", inside=[directive("text/javascript", "js"), directive("text/html", "html")])
        inside = [
            directive("alias", str(file)),
            types,
            directive("add_header", "Content-Security-Policy", POLICY),
        ]
        yield block("location", Raw("="), path, inside=inside)


@pytest.fixture(scope="module")
def site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("client")
    with scene(folder, variant, s3, extra_server=served(folder)) as running:
        yield running


def begin(
    site: Scene,
    window: Window,
    path: str = "/files/a",
    size: int = 3_000_001,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Open the page, and begin an upload."""
    window.open(f"{site.nginx.url}/page.html")
    assert wait_until(lambda: window.evaluate("document.title") == "ready", timeout_s=60)
    window.evaluate(f"void begin({path!r}, {size}, {json.dumps(headers or {})})")


def refused(site: Scene, window: Window, path: str, size: int = 100_000, **headers: str) -> list[Any]:
    """Begin an upload that is refused, and return the status and the message."""
    begin(site, window, path, size, headers)
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
    assert refused(site, window, "/files/a", **{"X-User": "mallory"}) == [403, "You may not upload here."]
    assert refused(site, window, "/files/a", **{"X-CSRFToken": "x"}) == [403, "You may not upload here."]
    wrong = {"x-amz-checksum-crc32": crc32_of(b"another file")}
    changed = "The storage refused the file: its CRC-32 or its length is wrong."
    assert refused(site, window, "/files/a", **wrong) == [422, changed]
    assert refused(site, window, "/nothing", 1) == [404, "The server responded with status 404."]
    assert site.objects() == before


def test_a_page_without_a_worker_computes_the_checksum_itself(site: Scene, window: Window) -> None:
    begin(site, window, "/files/a?no-worker", 4_500_007)
    status, text = result(window)
    [made] = [one for one in site.told() if one["key"] in text]
    assert (status, made["crc32"]) == (201, crc32_of(content(4_500_007)))


def test_an_upload_is_canceled_or_fails_with_its_connection(
    site: Scene, variant: Variant, tmp_path: Path, window: Window
) -> None:
    """The storage accepts the connection, and never responds."""
    before = site.objects()
    with closing(socket.create_server(("127.0.0.1", 0))) as storage:
        storage.settimeout(60)
        address = f"127.0.0.1:{storage.getsockname()[1]}"
        with another_nginx(site, tmp_path, variant, storage=address, extra_server=served(tmp_path)) as held:
            begin(held, window)
            with storage.accept()[0]:
                window.evaluate("upload.cancel()")
                assert result(window)[0] == "AbortError"
            assert window.evaluate("upload.state") == "canceled"
            begin(held, window)
            connection = storage.accept()[0]
        lost = ["UploadError", 0, "The connection was lost. Send the file again."]
        assert result(window) == lost
        connection.close()
    assert site.objects() == before
