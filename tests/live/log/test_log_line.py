"""The JSON line of a transfer: one for each outcome, every field right, nothing in it that leads to the storage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from docs.generated.engine import log_fields
from tests.live.objects import serve
from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

BODY = b"0123456789" * 100
NAMES = [name for name, _, _ in log_fields()]
NUMBERS = {"v", "body_bytes", "interim_bytes", "end", "seconds"}
QUIET = {
    "v": 1,
    "method": "GET",
    "protocol": "HTTP/1.1",
    "status": "200",
    "body_bytes": 1000,
    "interim_bytes": 0,
    "sent_length": "1000",
    "completion": "OK",
    "range": "",
    "content_range": "",
    "etag": '"v1"',
    "last_modified": "",
    "framing": "length",
    "encoding": "",
    "size": "",
    "origin_status": "200",
    "cache": "",
    "why": "",
    "note": "",
    "subject": "",
    "ip": "127.0.0.1",
    "traceparent": "",
}
"""A whole download of an origin, but for what is its own: id, origin, times."""


def page(status: str, size: int, origin_status: str, **more: str) -> dict[str, Any]:
    """What an entry has for a page of the engine, of so many bytes."""
    sent = {"status": status, "body_bytes": size, "sent_length": str(size), "etag": ""}
    return {**sent, "origin_status": origin_status, "why": f"origin_{origin_status}", **more}


@dataclass
class Log:
    stage: Stage
    origin: Origin

    @property
    def raw(self) -> bytes:
        return (self.stage.nginx.directory / "xaccel.log").read_bytes()


def answer(request: Request) -> Answer:
    path = request.target.partition("?")[0]
    if path == "/forbidden":
        return Answer(status=403, body=b"<Error>bucket</Error>")
    if path == "/dated":
        return serve(request, BODY, etag="", headers=[("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")])
    if request.header("If-None-Match") == '"v1"':
        return Answer(status=304, headers=[("ETag", '"v1"')])
    if path == "/chunked":
        headers = [("ETag", '"v1"'), ("Transfer-Encoding", "chunked")]
        return Answer(headers=headers, body=b"3e8\r\n" + BODY + b"\r\n0\r\n\r\n")
    coding = {"/gzip": "gzip", "/hostile": 'x","y":"'}.get(path)
    tag = 'W/"a\\"b\\\\c","why":"forged' if path == "/hostile" else '"v1"'
    return serve(request, BODY, etag=tag, headers=[("Content-Encoding", coding)] if coding else [])


@pytest.fixture(scope="module")
def log(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder: Path = tmp_path_factory.mktemp("log")
    (folder / "media").mkdir()
    for name in ("x", "dated"):
        (folder / "media" / name).write_bytes(BODY)
    with origin_server(answer) as origin:
        origins = {
            "partner": {
                "base_url": f"{origin.url}/bucket-7f3a/",
                "request_headers": {"X-Api-Key": "key-51c2"},
            },
            "store": {"base_url": f"{origin.url}/"},
            "cached": {"base_url": f"{origin.url}/", "cache": True},
            "media": {"root": str(folder / "media")},
            "refusing": {"base_url": "http://127.0.0.1:1/"},
        }
        with stage(folder / "nginx", variant, origins, cache={"path": "cache"}) as running:
            yield Log(running, origin)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"options": {"subject": "u-7", "size": 1000}}, {"subject": "u-7", "size": "1000"}),
        (
            {"key": "gzip", "options": {"size": 999}},
            {"size": "999", "why": "size_differs", "encoding": "gzip"},
        ),
        ({"method": "HEAD"}, {"method": "HEAD", "body_bytes": 0}),
        (
            {"headers": {"Range": "bytes=0-9"}},
            {
                "status": "206",
                "range": "bytes=0-9",
                "content_range": "bytes 0-9/1000",
                "body_bytes": 10,
                "sent_length": "10",
                "origin_status": "206",
            },
        ),
        (
            {"headers": {"If-None-Match": '"v1"'}},
            {
                "status": "304",
                "body_bytes": 0,
                "sent_length": "",
                "origin_status": "304",
                "framing": "unframed",
            },
        ),
        (
            {"headers": {"Range": "bytes=5000-"}},
            page("416", 28, "416", range="bytes=5000-", content_range="bytes */1000"),
        ),
        ({"key": "forbidden"}, page("502", 38, "403")),
        ({"key": "chunked"}, {"framing": "chunked", "sent_length": "", "body_bytes": 1012}),
        (
            {"origin": "media", "options": {"size": 1000}},
            {"origin_status": "", "etag": "*", "last_modified": "*", "framing": "*", "size": "1000"},
        ),
        ({"origin": "media", "key": "none"}, page("404", 11, "", why="", framing="*")),
    ],
)
def test_every_field_is_right(log: Log, asked: dict[str, Any], expected: dict[str, Any]) -> None:
    asked = {"origin": "store", "key": "x", **asked}
    _, line = log.stage.logged(**asked)
    wanted = {**QUIET, "origin": asked["origin"], **expected}
    seen = {name: line[name] for name in wanted}
    for name in [name for name, value in wanted.items() if value == "*"]:
        del wanted[name], seen[name]
    assert seen == wanted
    own = {"id", "end", "seconds", "origin_seconds"}
    assert set(line) == set(QUIET) | {"origin"} | own
    assert bool(line["origin_seconds"]) == (asked["origin"] != "media")
    assert 0 <= line["seconds"] < 60


def test_a_traceparent_is_in_the_entry_and_goes_to_the_app_alone(log: Log) -> None:
    """Of the W3C (Trace Context); tests/maps/tables/8-log.toml has what is not valid."""
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, line = log.stage.logged("store", "x", headers={"traceparent": sent})
    assert line["traceparent"] == sent
    assert log.origin.requests[-1].header("traceparent") is None
    _, line = log.stage.logged("store", "x", headers={"traceparent": f'{sent}"'})
    assert line["traceparent"] == ""


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": '"v1"'}])
@pytest.mark.parametrize("origin", ["store", "cached", "media"])
def test_without_if_range_the_log_entry_has_the_validator(
    log: Log, origin: str, headers: dict[str, str]
) -> None:
    """So that whoever puts two parts together from their lines can see that the object was replaced between them."""
    options = {"cache_version": str(uuid4())}
    for key, names in (("x", ("etag",)), ("dated", ("last_modified",))):
        reply, line = log.stage.logged(origin, key, headers=headers, options=options)
        shown = {"etag": reply.one("ETag") or "", "last_modified": reply.one("Last-Modified") or ""}
        assert {name: line[name] for name in shown} == shown
        assert all(shown[name] for name in names)
        assert (line["etag"] == "") == (key == "dated" and origin != "media")


def test_the_line_leads_nowhere(log: Log) -> None:
    """Neither what was asked for nor where it lies: the line may be given to people who must not know."""
    mark = uuid4().hex
    options = {
        "filename": f"name-{mark}.txt",
        "content_type": "text/x-secret",
        "cache_version": f"version-{mark}",
    }
    for origin in ("partner", "store", "cached", "refusing", "media"):
        log.stage.lines_of(lambda origin=origin: log.stage.get(origin, f"key-{mark}", options=options))
    raw = log.raw.decode()
    for trace in (
        mark,
        "bucket-7f3a",
        "key-51c2",
        "/send",
        "?q=",
        log.origin.address,
        "text/x-secret",
        "_xaccel",
    ):
        assert trace not in raw


HOSTILE = [
    'a"b',
    "a\\b",
    '\\","why":"',
    '"}\t{"v":1',
    "a\\u0000",
    "{}[]",
    "\x7f",
    "é".encode().decode("latin-1"),
    "\xff\xfe",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("field", ["id", "subject", "range", "size", "note", "trusted-subject"])
def test_hostile_values_stay_inside_their_field(log: Log, field: str, value: str) -> None:
    """Another backend forges a hand-off; a client makes up a range; even the app lets a strange subject through."""
    mark, name = str(uuid4()), field.removeprefix("trusted-")
    put = {"Xaccel-Size" if name == "subject" else "Xaccel-Subject": mark}
    headers = {}
    if field == "range":
        headers = {"Range": f"x{value}"}
    else:
        put[f"Xaccel-{name.title()}"] = f"x{value}"
    if field in ("id", "subject", "size", "note"):
        put["Xaccel-Auth"] = f"x{value}"
    reply = log.stage.get("store", headers=headers, put=put)
    assert wait_until(lambda: mark.encode() in log.raw, timeout_s=60)
    [text] = [text for text in log.raw.split(b"\n") if mark.encode() in text]
    line = json.loads(text.decode("utf-8"))
    assert list(line) == NAMES
    printable = value.isascii() and value.isprintable()
    assert line[name] == (f"x{value}" if printable else "(unprintable)")
    forged = "Xaccel-Auth" in put
    assert (reply.status, line["status"]) == ((404, "404") if forged else (200, "200"))
    assert line["why"] == ("forged" if forged else "")


def test_what_an_origin_says_stays_inside_its_field(log: Log) -> None:
    _, line = log.stage.logged("store", "hostile")
    assert (line["why"], line["etag"]) == ("", 'W/"a\\"b\\\\c","why":"forged')


def test_fields_stand_in_their_order_and_have_their_types_and_are_documented(log: Log) -> None:
    _, line = log.stage.logged("store")
    assert list(line) == NAMES
    assert {name for name, value in line.items() if not isinstance(value, str)} == NUMBERS
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "log-line.md").read_text()
    table = re.findall(r"^\| `(\w+)` \| (number|text) \|", page, re.MULTILINE)
    assert table == [(name, "number" if name in NUMBERS else "text") for name in NAMES]
    assert all(meaning for _, _, meaning in log_fields())
