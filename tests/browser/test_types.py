"""Uploads whose Content-Type is a list or names XML: whatever a browser makes of one, it is in a sandbox."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.browser.conftest import Shown, Window
from tests.browser.firefox import FirefoxError
from tests.conftest import on_one_build
from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from xaccel_testing import S3Server

pytestmark = on_one_build

PAGE = (
    b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>quiet</title><base href="/page?based=" /></head>'
    b"<body><p>Hello</p><script>document.title = 'ran'; fetch('/page?called-home')</script>"
    b'<form id="form" action="/page" method="get"><input name="form-sent" value="1" /></form></body></html>'
)
"""HTML and XHTML alike."""

TYPES = [
    "text/html", "video/mp4,text/html", "video/mp4;,text/html", "audio/x, text/html", "application/pdf;,text/html",
    "application/pdf,application/xhtml+xml", "video/mp4, image/svg+xml", "audio/mp4,application/mathml+xml",
    "video/mp4 ,text/xml", "video/x+xml", "audio/x+xml; a=b", 'video/mp4;a="\\"",text/html;b="',
    """video/mp4;a='"',text/html;b="'""", "application/pdf text/html", "unknown/unknown", "text", "*/*",
]  # fmt: skip
RENDERED = {"text/html", "video/mp4,text/html", "application/pdf;,text/html"}
"""These become a page in either browser, so that the test looks at something."""

LOOK = "[document.title, self.origin, document.contentType, document.querySelector('#form') !== null]"


def look(window: Window, url: str) -> list[Any] | None:
    """Open `url` and return title, origin, type and whether the form is there; None where it is no page."""
    from playwright.sync_api import Error

    try:
        window.open(url)
    except (Error, FirefoxError):
        return None
    found: list[Any] = window.evaluate(LOOK)
    return found


def test_no_upload_leaves_the_sandbox_by_its_type(
    shown: Shown, s3: S3Server, bucket: str, window: Window
) -> None:
    # other tests let a script run on purpose
    rendered, before = set(), len(shown.nginx.access_log)
    for content_type in TYPES:
        key = f"{secrets.token_hex(8)}.bin"
        s3.put(bucket, key, PAGE, content_type)
        policy = shown.ask(shown.target(key)).one("Content-Security-Policy")
        assert policy is not None
        found = look(window, shown.url(key))
        if found is None or not found[3]:
            continue
        rendered.add(content_type)
        title, origin, kind, _ = found
        assert (title, origin) == ("quiet", "null"), (content_type, kind, policy)
        window.evaluate("HTMLFormElement.prototype.submit.call(document.querySelector('#form'))")
        assert window.evaluate("document.querySelector('#form') !== null"), content_type
    assert rendered >= RENDERED, rendered
    # a later request of the same browser is in the log, so an earlier one would be too
    mark = secrets.token_hex(8)
    window.open(f"{shown.nginx.url}/page?{mark}")
    assert wait_until(lambda: mark in shown.nginx.access_log, timeout_s=60)
    log = shown.nginx.access_log[before:]
    assert "form-sent" not in log
    assert "called-home" not in log
