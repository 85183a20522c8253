"""A form sends a file from a browser that runs no JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import on_one_build
from tests.live.uploads.scene import Scene, scene
from xaccel_testing import S3Server, Variant

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = on_one_build

BODY = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def site(variant: Variant, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("form"), variant, s3) as running:
        yield running


def test_a_form_is_sent_without_javascript(browser: Browser, site: Scene) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{site.nginx.url}/files/a/form")
    page.set_input_files("input[type=file]", {"name": "a.bin", "mimeType": "text/html", "buffer": BODY})
    page.click("button")
    made = json.loads(page.inner_text("body"))
    context.close()
    stored = site.s3.client().get_object(Bucket=site.bucket, Key=made["key"])
    assert (stored["Body"].read(), stored["ContentType"]) == (BODY, "application/pdf")
