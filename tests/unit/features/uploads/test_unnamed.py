"""The objects that no row names, from the pages of the storage's lists."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.servers.origin import Answer, Request
from tests.unit.features.uploads.sites import storage
from xaccel.errors import ConfigError
from xaccel.features.uploads.unnamed import unnamed

UNTIL = datetime(2026, 11, 30, tzinfo=UTC)
OLD, NEW = "2026-11-29T23:59:59.000Z", "2026-11-30T00:00:01.000Z"


def element(name: str, value: str) -> str:
    return f"<{name}>{value}</{name}>"


MORE = element("IsTruncated", "true")
MARKER = element("NextContinuationToken", "t+/=")


def an_object(key: str, date: str = OLD) -> str:
    return element("Contents", element("Key", f"uploads/{key}") + element("LastModified", date))


def an_upload(key: str, id_: str) -> str:
    parts = element("Key", f"uploads/{key}") + element("UploadId", id_) + element("Initiated", OLD)
    return element("Upload", parts)


def listed(pages: dict[str, str], named: Container[str] = ()) -> list[str]:
    """Return what is listed. pages: by the parameters that ask for them. The storage sends each once, then 404."""
    left = dict(pages)

    def answer(request: Request) -> Answer:
        asked = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        names = ("prefix", "uploads", "continuation-token", "key-marker", "upload-id-marker")
        page = left.pop(" ".join(f"{name}={asked[name]}" for name in names if name in asked), None)
        return Answer(status=404) if page is None else Answer(body=element("Result", page).encode())

    return listed_by(answer, named)


def listed_by(answer: Callable[[Request], Answer], named: Container[str] = ()) -> list[str]:
    with storage(answer) as sender:
        return [*unnamed(sender, "documents", "acme", "uploads", until=UNTIL, named=named)]


FIRST = "prefix=uploads/"
SECOND = f"{FIRST} continuation-token=t+/="


def test_both_lists_are_read_to_their_last_page() -> None:
    marks = element("NextKeyMarker", "uploads/d&amp;") + element("NextUploadIdMarker", "2")
    pages = {
        FIRST: MORE + MARKER + an_object("a") + an_object("named") + an_object("new", NEW),
        SECOND: an_object("b&amp;"),
        f"{FIRST} uploads=": MORE + marks + an_upload("c", "1") + an_upload("d&amp;", "2"),
        f"{FIRST} uploads= key-marker=uploads/d& upload-id-marker=2": an_upload("e", "3"),
    }
    found = listed(pages, {"named"})
    assert found == ["uploads/a", "uploads/b&", "uploads/c 1", "uploads/d& 2", "uploads/e 3"]


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ({FIRST: an_object("a", "")}, "'' of 'uploads/a' is no time with a zone"),
        ({FIRST: an_object("a", OLD[:19])}, f"'{OLD[:19]}' of 'uploads/a' is no time with a zone"),
        ({FIRST: MORE}, "it is truncated, and has no marker of another page"),
        ({FIRST: MORE + MARKER, SECOND: MORE}, "it is truncated, and has no marker of another page"),
        ({FIRST: MORE + MARKER, SECOND: MORE + MARKER}, "it is truncated, and has no marker of another page"),
    ],
    ids=["no date", "no zone", "no marker", "no second marker", "the same marker"],
)
def test_a_list_that_cannot_be_read_is_an_error(pages: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=f"^origin documents: the storage's list .*: {why}"):
        listed(pages)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "RemoteDisconnected: Remote end closed connection without response"),
        (b"no HTTP\r\n\r\n", "BadStatusLine: no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<Result><Contents>", "it is no XML, or has no end"),
    ],
    ids=["none", "no HTTP", "cut"],
)
def test_a_storage_that_does_not_respond_is_an_error(raw: bytes, why: str) -> None:
    with pytest.raises(
        ConfigError, match=f"^origin documents: the storage's list .*: {why}. List the bucket"
    ):
        listed_by(lambda _: Answer(raw=raw))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<!DOCTYPE r [<!ENTITY a 'aaaa'>]><Result>&a;</Result>", "it has a DOCTYPE"),
        ("<a>" * 1000 + "</a>" * 1000, "it has more than 16 levels"),
        ("<Result>" + "<Contents>" * 300_000, "it has more than 16 levels"),
        ("<Result><Contents></Result>", "it is no XML, or has no end"),
    ],
    ids=["DOCTYPE", "deep", "entries without an end", "not nested"],
)
def test_a_hostile_list_is_refused_at_once(body: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        listed_by(lambda _: Answer(body=body.encode()))
