"""The doctor names headers of the app's middleware that a download lacks."""

from __future__ import annotations

import pytest

from tests.doctor.breakages import in_the_app
from tests.doctor.stage import Stage

# what NGINX passes of a hand-off, tests/live/response/test_response_headers.py shows on each build
pytestmark = pytest.mark.variants("deb")
FRAMES = "django.middleware.clickjacking.XFrameOptionsMiddleware"


def test_a_header_that_other_pages_have_and_a_download_lacks_is_named(healthy: Stage) -> None:
    in_the_app(middleware=FRAMES)(healthy)
    assert healthy.found("--only", "XA630") == {"XA630": "warn"}
    [said] = [each.evidence for each in healthy.results if each.check.id == "XA630"]
    assert said == ("another page (status 404) has X-Frame-Options",)


def test_a_header_that_the_site_declares_is_not_missed(healthy: Stage) -> None:
    healthy.change(RESPONSE_HEADERS=["X-Frame-Options"])
    in_the_app(middleware=FRAMES)(healthy)
    assert healthy.found("--only", "XA630") == {}
