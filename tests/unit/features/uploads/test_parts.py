"""The decision about a part of an upload, from headers alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.origin import Answer, Request
from tests.unit.features.uploads.sites import SECRET, site, storage
from tests.unit.site.mappings import each_of
from xaccel import Sender
from xaccel.features.uploads.decide import LARGEST, Refusal, Upload, decide
from xaccel.features.uploads.look import find
from xaccel.features.uploads.parts import (
    MOST,
    SPARE,
    Part,
    accept_part,
    begin,
    cancel,
    decide_part,
    highest_number,
    join,
    part_ended,
    state,
)
from xaccel.features.uploads.receive import accept
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import UPLOAD_ASK, UPLOAD_DONE, UPLOAD_TOKEN_HEADER

MIB = 1 << 20
UPLOAD = Upload("1", "documents", "", "uploads/x", 20 * MIB, "image/png", "", "7")
MIDDLE = {
    "xaccel-upload-length": str(8 * MIB),
    "upload-offset": str(8 * MIB),
    "upload-complete": "?0",
    "x-amz-checksum-crc32": "AAAAAA==",
}
LAST = {"xaccel-upload-length": str(4 * MIB), "upload-offset": str(16 * MIB), "upload-complete": "?1"}
BEGIN = {"upload-complete": "?0", "upload-length": str(6 * LARGEST), "content-length": "0"}


def decided(offset: int, headers: dict[str, str]) -> Part | Refusal:
    return decide_part(site(resumable="draft-15"), headers, UPLOAD, offset)


def test_a_part_that_is_due_is_accepted() -> None:
    assert decided(8 * MIB, MIDDLE) == Part("1", 8 * MIB, False, 0, 8 * MIB, "AAAAAA==")
    assert decided(16 * MIB, {**MIDDLE, **LAST}) == Part("1", 16 * MIB, True, 0, 4 * MIB, "AAAAAA==")


LENGTH = "xaccel-upload-length"
NOT_DUE: dict[int, list[dict[str, str]]] = {
    403: [{"sec-fetch-site": "cross-site"}, {"origin": "https://a.example", "host": "b.example"}],
    411: [{LENGTH: text} for text in ("", "-1", "\xb2", f"0{8 * MIB}")],
    409: [{"upload-offset": text} for text in ("0", "", str(16 * MIB))],
    413: [{LENGTH: str(8 * MIB + 1)}, {LENGTH: "9" * 30}],
    400: [{LENGTH: str(8 * MIB - 1)}, {LENGTH: "0"}, {"upload-complete": "?1"}, {"upload-complete": ""}],
    422: [{"x-amz-checksum-crc32": text} for text in ("", "AAAAAAA=")],
}


@pytest.mark.parametrize(("status", "headers"), each_of(NOT_DUE))
def test_a_part_that_is_not_due_is_refused(status: int, headers: dict[str, str]) -> None:
    found = decided(8 * MIB, {**MIDDLE, **headers})
    assert isinstance(found, Refusal)
    assert found.status == status
    assert re.fullmatch(r"[ !#-\[\]-~]+", found.message), "NGINX puts it into JSON as it is"


def test_the_last_part_says_that_it_is_the_last_one() -> None:
    found = decided(16 * MIB, {**MIDDLE, **LAST, "upload-complete": "?0"})
    assert found == Refusal(400, "Upload-Complete is ?1 for this part")


@pytest.mark.parametrize(
    ("size", "most"), [(UPLOAD.size, 2 * 3 + SPARE), (4000 * 8 * MIB, 8000 + SPARE), (5000 * 8 * MIB, MOST)]
)
def test_a_client_sends_each_part_twice_and_some_more(size: int, most: int) -> None:
    """Clients at once have no more than that at the storage, whatever is reserved."""
    assert highest_number(site(resumable="draft-15"), size) == most


@pytest.mark.parametrize(
    ("size", "part"), [(1, 8 * MIB), (5000 * 8 * MIB, 8 * MIB), (5000 * 8 * MIB + 1, 8 * MIB + 1)]
)
def test_half_of_the_numbers_is_enough_for_a_file(size: int, part: int) -> None:
    headers = dict(state(site(), size, 0))
    assert headers["Upload-Limit"] == f"min-append-size={part}, max-append-size={part}"
    assert -(-size // part) <= MOST // 2


def test_the_state_of_an_upload() -> None:
    found = {name: value for name, value in state(site(part_size="5m"), 9, 3) if name != "Upload-Limit"}
    assert found == {
        "Upload-Offset": "3",
        "Upload-Complete": "?0",
        "Upload-Length": "9",
        "Cache-Control": "no-store",
    }
    assert ("Upload-Complete", "?1") in state(site(), 9, 9)


def test_the_signature_of_a_part_covers_length_and_checksum() -> None:
    sender = Sender(site())
    part = Part("1", 0, False, 3, 5, "AAAAAA==")
    answer = dict(accept_part(sender, UPLOAD._replace(id="2"), "a+b/c", part).headers)
    url = urlsplit(answer["Xaccel-Url"])
    query = parse_qs(url.query)
    assert (url.path, query["partNumber"], query["uploadId"]) == ("/acme/uploads/x", ["3"], ["a+b/c"])
    assert query["X-Amz-SignedHeaders"] == ["content-length;host;x-amz-checksum-crc32"]
    assert (answer["Xaccel-Id"], "Xaccel-Type" in answer) == ("2", False)


def test_only_nginx_reports_the_end_of_a_part_and_only_of_a_part() -> None:
    sender, part = Sender(site()), Part("1", 0, False, 3, 5, "AAAAAA==")
    ticket = dict(accept_part(sender, UPLOAD, "m", part).headers)["Xaccel-Upload"]
    name = UPLOAD_TOKEN_HEADER.lower()
    told = {
        name: nginx_token(SECRET, UPLOAD_DONE),
        "xaccel-upload": ticket,
        "xaccel-storage-status": "200",
        "xaccel-storage-etag": '"e"',
    }
    assert part_ended(sender.site, told) == (part._replace(etag='"e"'), "200")
    assert part_ended(sender.site, {**told, name: nginx_token(SECRET, UPLOAD_ASK)}) is None
    assert part_ended(sender.site, {**told, "xaccel-upload": f"x{ticket}"}) is None
    whole = dict(accept(sender, UPLOAD).headers)["Xaccel-Upload"]
    assert part_ended(sender.site, {**told, "xaccel-upload": whole}) is None


def begun(headers: dict[str, str], **arguments: Any) -> Upload | Refusal:
    given: Any = {"max_size": "90g", **arguments}
    return decide(site(resumable="draft-15"), "documents", {**BEGIN, **headers}, given, in_parts=True)


def test_an_upload_in_parts_may_be_larger_than_one_request() -> None:
    found = begun({"content-type": "image/png"}, checksum="required")
    assert isinstance(found, Upload)
    assert (found.size, found.content_type, found.crc32) == (6 * LARGEST, "image/png", "")


NO_BEGIN: dict[int, list[dict[str, str]]] = {
    400: [
        *({"upload-complete": text} for text in ("?1", "")),
        *({"upload-length": text} for text in ("", "0", "1.5")),
        {"content-length": "1"},
    ],
    403: [{"sec-fetch-site": "cross-site"}],
    413: [{"upload-length": str((90 << 30) + 1)}],
    415: [{"content-type": "text/html"}],
    422: [{"x-amz-checksum-crc32": "x"}],
}


@pytest.mark.parametrize(("status", "headers"), each_of(NO_BEGIN))
def test_what_does_not_begin_an_upload(status: int, headers: dict[str, str]) -> None:
    found = begun(headers, content_types=["application/octet-stream"])
    assert isinstance(found, Refusal)
    assert found.status == status


@pytest.mark.parametrize(("resumable", "hint"), [("draft-15", ": send it in parts"), ("", "")])
def test_one_request_is_at_most_5_gib_and_names_the_parts(resumable: str, hint: str) -> None:
    headers = {"xaccel-upload-length": str(LARGEST + 1)}
    found = decide(site(resumable=resumable), "documents", headers, {"max_size": "9g"})
    assert found == Refusal(413, f"the file is larger than {LARGEST} bytes{hint}")


def test_a_request_that_is_only_a_part_is_no_file() -> None:
    headers = {"xaccel-upload-length": "5", "upload-complete": "?0"}
    found = decide(site(), "documents", headers, {"max_size": 9})
    assert isinstance(found, Refusal)
    assert found.status == 400
    assert isinstance(
        decide(site(), "documents", {**headers, "upload-complete": "?1"}, {"max_size": 9}), Upload
    )


@pytest.mark.parametrize(
    ("crc32", "is_found"), [("AAAAAA==", True), ("AAAAAQ==", False), ("AAAAAQ==-3", True), ("", True)]
)
def test_the_object_has_the_crc32_of_the_file_or_the_storage_tells_none(crc32: str, is_found: bool) -> None:
    upload = UPLOAD._replace(size=5, crc32="AAAAAA==")
    head = Answer(headers=[("ETag", '"e"'), ("x-amz-checksum-crc32", crc32)], body=b"12345")
    with storage(lambda _: head) as sender:
        assert find(sender, upload) == (upload._replace(etag='"e"') if is_found else None)


@pytest.mark.parametrize(("status", "is_lost"), [(200, False), (404, True), (412, True)])
def test_parts_are_lost_only_if_the_storage_does_not_know_them(status: int, is_lost: bool) -> None:
    """S3 can respond with 200 and an error in the body: the parts are still there."""
    answers = {"POST": Answer(status=status, body=b"<Error/>"), "HEAD": Answer(status=404)}
    with storage(lambda request: answers[request.method]) as sender:
        if is_lost:
            assert join(sender, UPLOAD, "m", []) is None
        else:
            with pytest.raises(ValueError, match="did not join"):
                join(sender, UPLOAD, "m", [])


def an_id(id_: str) -> str:
    return f"<Upload><Key>uploads/x</Key><UploadId>{id_}</UploadId></Upload>"


def parts_at_storage(pages: Callable[[str], str], cancelled: list[str]) -> Callable[[Request], Answer]:
    """A storage that lists uploads in parts by pages, and keeps the ids of those that are cancelled."""

    def answer(request: Request) -> Answer:
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        if request.method == "DELETE":
            cancelled.extend(query["uploadId"])
            return Answer(status=204)
        return Answer(body=f"<List>{pages(query.get('upload-id-marker', [''])[0])}</List>".encode())

    return answer


def test_uploads_in_parts_on_all_pages_are_cancelled() -> None:
    cancelled: list[str] = []
    pages = {
        "": "<IsTruncated>true</IsTruncated><NextUploadIdMarker>2</NextUploadIdMarker>"
        + an_id("1")
        + an_id("a&amp;b"),
        "2": "<IsTruncated>false</IsTruncated>" + an_id("3") + an_id(""),
    }
    with storage(parts_at_storage(pages.__getitem__, cancelled)) as sender:
        cancel(sender, UPLOAD)
    assert cancelled == ["1", "a&b", "3"]


def test_a_list_without_an_end_does_not_keep_a_worker() -> None:
    cancelled: list[str] = []

    def more(marker: str) -> str:
        number = int(marker or 0) + 1
        more = "<IsTruncated>true</IsTruncated>"
        return f"{more}<NextUploadIdMarker>{number}</NextUploadIdMarker>{an_id(str(number))}"

    with (
        storage(parts_at_storage(more, cancelled)) as sender,
        pytest.raises(ValueError, match="more than 10 pages"),
    ):
        cancel(sender, UPLOAD)
    assert cancelled == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize(
    "body", ["<Error><Code>SlowDown</Code></Error>", "", "<a><UploadId></UploadId></a>", "<UploadId>"]
)
def test_an_upload_in_parts_begins_with_an_id(body: str) -> None:
    wrong = Answer(body=body.encode())
    with storage(lambda _: wrong) as sender, pytest.raises(ValueError, match="without an id"):
        begin(sender, UPLOAD)
    right = Answer(
        body=b"<InitiateMultipartUploadResult><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>"
    )
    with storage(lambda _: right) as sender:
        assert begin(sender, UPLOAD) == "a&b"
