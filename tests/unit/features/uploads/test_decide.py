"""The decision about an upload, from headers alone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.features.uploads.sites import ORIGINS, SECRET, site
from tests.unit.site.mappings import each_of
from xaccel import Sender
from xaccel.errors import ConfigError, ConfigErrors, OptionRefused, OriginNotAllowed, UploadFailed
from xaccel.features.uploads.decide import LARGEST, Refusal, Upload, decide
from xaccel.features.uploads.receive import accept, headers_of, open_gate, received, response
from xaccel.site import read_mapping
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import UPLOAD_DONE, UPLOAD_TOKEN_HEADER

HEADERS = {"xaccel-upload-length": "5", "content-type": "Image/PNG; x=y"}


def decided(headers: dict[str, str] | None = None, **arguments: Any) -> Upload | Refusal:
    return decide(site(), "documents", {**HEADERS, **(headers or {})}, {"max_size": "5k", **arguments})


def test_an_upload_has_a_random_key_in_its_folder_and_a_plain_type() -> None:
    found, other = decided(folder="a/b", subject="7"), decided(folder="a/b")
    assert isinstance(found, Upload)
    assert isinstance(other, Upload)
    assert re.fullmatch("a/b/[0-9a-f]{32}", found.key)
    assert (found.size, found.content_type, found.subject) == (5, "image/png", "7")
    assert found.key != other.key


def test_the_type_that_is_stored_is_the_apps_and_the_filter_tests_the_clients() -> None:
    given = {"content_types": ["image/*"], "content_type": "application/octet-stream"}
    found = decided(**given)
    assert isinstance(found, Upload)
    assert dict(headers_of(found))["content-type"] == "application/octet-stream"
    assert dict(accept(Sender(site()), found).headers)["Xaccel-Type"] == "application/octet-stream"
    assert decided({"content-type": "text/html"}, **given) == Refusal(
        415, "files of this type are not accepted"
    )


LENGTH = "xaccel-upload-length"
REFUSED: dict[int, list[tuple[dict[str, str], dict[str, Any]]]] = {
    411: [({LENGTH: text}, {}) for text in ("", "-1", "٥", "05", "00")],
    413: [({LENGTH: "5121"}, {}), ({LENGTH: "9" * 25}, {}), ({LENGTH: str(LARGEST + 1)}, {"max_size": "9g"})],
    415: [
        ({"content-type": "image/png, text/html"}, {}),
        ({}, {"content_types": ["image/pn", "application/*"]}),
    ],
    422: [({"x-amz-checksum-crc32": "AAAAAAA="}, {}), ({}, {"checksum": "required"})],
    403: [
        ({"sec-fetch-site": "cross-site", "origin": "https://a", "host": "a"}, {}),
        ({"sec-fetch-site": "same-site"}, {}),
        ({"origin": "https://a.example", "host": "b.example"}, {}),
        ({"origin": "null", "host": "b.example"}, {}),
        ({"origin": "null", "host": ""}, {}),
        ({"origin": "http://[::1", "host": "b.example"}, {}),
        ({"origin": "https://b.example/@a.example", "host": "a.example"}, {}),
    ],
}


@pytest.mark.parametrize(("status", "given"), each_of(REFUSED))
def test_a_refusal(status: int, given: tuple[dict[str, str], dict[str, Any]]) -> None:
    headers, arguments = given
    found = decided(headers, **arguments)
    assert isinstance(found, Refusal)
    assert found.status == status
    assert re.fullmatch(r"[ !#-\[\]-~]+", found.message), "NGINX puts it into JSON as it is"


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        ({"xaccel-upload-length": "0"}, {"max_size": 0}),
        ({"xaccel-upload-length": "5120"}, {}),
        ({"xaccel-upload-length": str(LARGEST)}, {"max_size": "9g"}),
        ({"content-type": ""}, {"content_types": ["application/octet-stream"]}),
        ({}, {"content_types": ["text/plain", "image/*"]}),
        ({}, {"content_type": None}),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, {"checksum": "required"}),
        ({"sec-fetch-site": "same-origin", "origin": "https://a", "host": "b"}, {}),
        ({"sec-fetch-site": "none"}, {}),
        ({"origin": "https://A.example:8443", "host": "a.example:8443"}, {}),
    ],
)
def test_what_is_accepted(headers: dict[str, str], arguments: dict[str, Any]) -> None:
    assert isinstance(decided(headers, **arguments), Upload)


@pytest.mark.parametrize("origin", ["disk", "other", ""])
def test_an_origin_that_takes_no_uploads(origin: str) -> None:
    with pytest.raises(OriginNotAllowed, match="takes no uploads"):
        decide(site(), origin, HEADERS, {"max_size": 1})


def test_a_site_without_uploads() -> None:
    plain = read_mapping.read({"SECRET": SECRET, "ORIGINS": ORIGINS})
    with pytest.raises(ConfigError, match="takes no uploads"):
        decide(plain, "documents", HEADERS, {"max_size": 1})


WRONG: dict[str, list[Any]] = {
    "max_size": ["5 GB", -1],
    "content_types": [["*/*"], "png"],
    "content_type": ["image/*", "text/html\r\nx: y", "text/plain; charset=utf-8"],
    "folder": ["../x", "/x", "x/", "./x", ""],
}


@pytest.mark.parametrize(("argument", "value"), each_of(WRONG))
def test_wrong_arguments(argument: str, value: Any) -> None:
    with pytest.raises(OptionRefused) as refused:
        decided(**{argument: value})
    assert refused.value.where == argument


def test_a_largest_size_is_required() -> None:
    with pytest.raises(OptionRefused, match="max_size: None is not a size"):
        decide(site(), "documents", HEADERS, {})  # type: ignore[typeddict-item]


WRONG_SETTINGS: dict[str, list[Any]] = {
    "origins": [["partner"], ["missing"]],
    "paths": [[path] for path in ("/", "files/", "/files", "/a/../b/", "/_xaccel/", "/a b/")],
    "listen": ["0.0.0.0:9399"],
}


@pytest.mark.parametrize(("setting", "value"), each_of(WRONG_SETTINGS))
def test_wrong_settings(setting: str, value: Any) -> None:
    with pytest.raises(ConfigErrors, match=f'UPLOADS"\\]\\["{setting}'):
        site(**{setting: value})


def test_a_directory_has_no_limit_of_its_own_and_nginx_gets_the_id_alone() -> None:
    own = site(origins=["disk"])
    found = decide(own, "disk", {"xaccel-upload-length": str(LARGEST + 1)}, {"max_size": "9g"})
    assert isinstance(found, Upload)
    answer = dict(accept(Sender(own), found).headers)
    assert answer["Xaccel-Url"] == f"file:///{found.id}"


def test_the_signature_covers_what_the_app_decided() -> None:
    found = decided({"x-amz-checksum-crc32": "AAAAAA=="})
    assert isinstance(found, Upload)
    sender = Sender(site())
    answer = dict(accept(sender, found).headers)
    parts = urlsplit(answer["Xaccel-Url"])
    assert parts.path == f"/acme/{found.key}"
    [signed] = parse_qs(parts.query)["X-Amz-SignedHeaders"]
    assert signed == "content-length;content-type;host;if-none-match;x-amz-checksum-crc32"
    other = dict(accept(sender, found._replace(size=6)).headers)
    assert other["Xaccel-Url"] != answer["Xaccel-Url"]


def test_the_decision_is_in_the_log_only_if_the_site_allows_it() -> None:
    found = decided()
    assert isinstance(found, Upload)
    for log_decisions, note in ((True, f"decision:key={found.key}"), (False, None)):
        own = replace(site(), log_decisions=log_decisions)
        assert dict(open_gate(own, found, "https://s3.example/x", found).headers).get("Xaccel-Note") == note


@pytest.mark.parametrize(("covers", "asked", "named"), [("acme", "acme", ""), ("acme-*", "acme-1", "acme-1")])
def test_an_upload_has_its_bucket_in_its_name_only_if_the_origin_covers_many(
    covers: str, asked: str, named: str
) -> None:
    own = site()
    origins = {**own.origins, "documents": replace(own.origins["documents"], bucket=covers)}
    found = decide(replace(own, origins=origins), "documents", HEADERS, {"max_size": "5k", "bucket": asked})
    assert isinstance(found, Upload)
    assert found.bucket == named


def test_a_response_is_json_for_a_client_that_accepts_it() -> None:
    refusal = Refusal(503, "try again")
    assert response(refusal, "application/json").body == b'{"status": 503, "detail": "try again"}\n'
    assert response(refusal, "*/*").body == b"try again\n"
    assert ("Retry-After", "10") in response(refusal, "").headers


@pytest.mark.parametrize(
    ("status", "said"), [("400", "its CRC-32 or its length is wrong"), ("", "try again")]
)
def test_an_upload_that_the_storage_did_not_take_has_failed(status: str, said: str) -> None:
    ticket = seal(site(), Upload("1", "documents", "", "uploads/1", 5, "text/plain", "", "7"))
    token = {UPLOAD_TOKEN_HEADER.lower(): nginx_token(SECRET, UPLOAD_DONE)}
    with pytest.raises(UploadFailed, match=said) as failed:
        received(site(), {**token, "xaccel-upload": ticket, "xaccel-storage-status": status})
    assert failed.value.upload.id == "1"
