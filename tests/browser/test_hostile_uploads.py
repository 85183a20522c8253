"""Hostile files go through the gate, and are opened in Chromium and Firefox: no script of theirs runs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

import pytest

from tests.browser.conftest import Window
from tests.browser.hostile_files import HOSTILE
from tests.conftest import on_one_build
from tests.live.client import ask
from tests.live.uploads.scene import Browser, Scene
from xaccel_testing.servers.processes import wait_until

pytestmark = on_one_build

SAVED = ("application/octet-stream", "unknown/unknown", "message/rfc822")
"""Browsers show nothing of these types."""
VIEWER = "application/pdf"
"""Browsers show this type in a viewer of their own, which a sandbox would keep from starting."""


@pytest.fixture(scope="module")
def uploaded(upload_site: Scene) -> Mapping[str, str]:
    """The address of each file that the app has taken."""
    browser, addresses = Browser(upload_site), {}
    for name, file in HOSTILE.items():
        reply = browser.put(file.body, **({"Content-Type": file.claim} if file.claim else {}))
        assert reply.status == (201 if file.stored else 415), (name, reply.body)
        if file.stored:
            addresses[name] = f"/files/a?key={json.loads(reply.body)['key']}"
    return addresses


def test_a_file_is_sent_as_the_app_decided(upload_site: Scene, uploaded: Mapping[str, str]) -> None:
    assert len(uploaded) >= 20
    for name, address in uploaded.items():
        reply = ask(upload_site.nginx.port, address)
        stored, policy = HOSTILE[name].stored, reply.one("Content-Security-Policy") or ""
        assert (reply.status, reply.body) == (200, HOSTILE[name].body), name
        assert (reply.one("Content-Type"), reply.one("X-Content-Type-Options")) == (stored, "nosniff"), name
        assert "sandbox" in policy or stored == VIEWER, name


def test_no_script_of_an_uploaded_file_runs(
    upload_site: Scene, uploaded: Mapping[str, str], window: Window
) -> None:
    before = len(upload_site.nginx.access_log)
    from playwright.sync_api import Error

    shown = [name for name in uploaded if HOSTILE[name].stored not in SAVED]
    for name in shown.copy():
        try:
            window.open(upload_site.nginx.url + uploaded[name])
        except Error:  # Chromium saves MathML
            shown.remove(name)
            continue
        title, origin = window.evaluate("[document.title, self.origin]")
        assert title != "ran", name
        assert origin == "null" or HOSTILE[name].stored == VIEWER, (name, origin)
    assert len(shown) >= 18
    # a later request of the same browser is in the log, so an earlier one would be too
    mark = secrets.token_hex(8)
    window.open(f"{upload_site.nginx.url}/page.html?{mark}")
    assert wait_until(lambda: mark in upload_site.nginx.access_log, timeout_s=60)
    assert "called-home" not in upload_site.nginx.access_log[before:]
