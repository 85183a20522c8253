"""One download is a short trip through the code: a key in Flask, in the only origin of the site."""

from __future__ import annotations

import flask
import pytest

from tests.trip import trip
from xaccel import S3Origin, Site
from xaccel.flask import Downloads

pytestmark = pytest.mark.adapters

DOCUMENTS = S3Origin(bucket="documents", region="eu-central-1", access_key="AKIDEXAMPLE", secret_key="secret")
FILES = Downloads(Site(origins={"documents": DOCUMENTS}, secrets=("s" * 32,)))


def test_a_download_in_flask_touches_few_files_and_makes_few_calls() -> None:
    def download() -> None:
        with flask.Flask("app").test_request_context("/"):
            FILES.send_file("2026/minutes.pdf", as_attachment=True)

    seen = trip(download)
    assert len(seen.files) <= 12, str(seen)
    assert seen.returns <= 5, str(seen)
    assert not seen.twice
    assert not seen.longer_than(60)
    assert not seen.wider_than(6)
