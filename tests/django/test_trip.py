"""One download is a short trip through the code: a file of a FileField on S3, with HandOffMiddleware."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.test import RequestFactory

from tests.django.library.models import Document
from tests.trip import trip
from xaccel.django import HandOffMiddleware, send_file


def test_a_download_from_s3_touches_few_files_and_makes_few_calls() -> None:
    document = Document(scan="2026/minutes.pdf")
    answer = HandOffMiddleware(lambda request: send_file(request, document.scan, as_attachment=True))

    def download() -> None:
        request: Any = RequestFactory().get("/")
        request.user = SimpleNamespace(is_authenticated=True, pk=7)
        answer(request)

    seen = trip(download)
    assert len(seen.files) <= 17, str(seen)
    assert seen.calls <= 36, str(seen)
    assert seen.returns <= 6, str(seen)
    assert not seen.twice
    assert not seen.longer_than(60)
    assert not seen.wider_than(6)
