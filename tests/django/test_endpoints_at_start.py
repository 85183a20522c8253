from __future__ import annotations

from functools import partial

import pytest
from django.core.files.storage import storages
from django.http import HttpResponse
from django.test import override_settings

from tests.django.library.models import Document
from xaccel.django import HandOffMiddleware
from xaccel.django.conf import configuration
from xaccel.signing import endpoint
from xaccel.signing.endpoint import WouldWait, without_waiting

S3 = {
    "type": "s3",
    "bucket": "documents",
    "region": "us-east-1",
    "endpoint_url": "http://127.0.0.1:9",
    "access_key": "k",
}
SITE = {"ORIGINS": {"documents": {**S3, "secret_key": "s"}}}


@pytest.fixture(autouse=True)
def _nothing_found_yet() -> None:
    endpoint._resolve.cache_clear()
    endpoint._endpoint.cache_clear()


@override_settings(XACCEL=SITE)
def test_the_endpoint_is_found_before_the_first_request() -> None:
    HandOffMiddleware(lambda request: HttpResponse())
    assert endpoint._resolve.cache_info().currsize == 1


def test_files_of_the_origins_are_found_without_waiting_from_the_first_request_on() -> None:
    files = Document(file="a.pdf").file, Document(scan="a.pdf").scan
    # another test may have made them anew
    files[1].storage = storages["bucket"]
    find = partial(configuration().objects.find, origin=None)
    with without_waiting():
        find(files[0])
        with pytest.raises(WouldWait):
            find(files[1])
    HandOffMiddleware(lambda request: HttpResponse())
    with without_waiting():
        assert [find(file).origin for file in files] == ["disk", "documents"]


@override_settings(XACCEL={"ORIGINS": {"documents": S3}})
def test_a_wrong_configuration_does_not_keep_the_server_from_starting() -> None:
    middleware = HandOffMiddleware(lambda request: HttpResponse("a page"))
    assert middleware.get_response(None).content == b"a page"


@override_settings(
    XACCEL={"ORIGINS": {"documents": {"type": "s3", "bucket": "documents", "profile": "none"}}}
)
def test_an_endpoint_that_botocore_refuses_does_not_keep_the_server_from_starting() -> None:
    HandOffMiddleware(lambda request: HttpResponse())
    assert endpoint._resolve.cache_info().currsize == 0
