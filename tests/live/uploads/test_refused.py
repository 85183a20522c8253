"""A refused upload: the client gets the reason, and no byte of the body reaches the storage."""

from __future__ import annotations

import json
import os

import pytest

from tests.live.client import Reply, ask
from tests.live.uploads.scene import Scene, crc32_of

BODY = os.urandom(300_000)

REFUSED = {
    "not signed in": (401, "/files/a", {}, ""),
    "not allowed": (403, "/files/a", {}, "mallory"),
    "from another site": (403, "/files/a", {"Sec-Fetch-Site": "cross-site"}, "alice"),
    "from another subdomain": (403, "/files/a", {"Sec-Fetch-Site": "same-site"}, "alice"),
    "from another origin": (403, "/files/a", {"Origin": "https://other.example"}, "alice"),
    "no view": (404, "/files/a/b", {}, "alice"),
    "larger than allowed": (413, "/files/a?max=299999", {}, "alice"),
    "another type": (415, "/files/a?types=image/*", {"Content-Type": "text/html"}, "alice"),
    "no checksum": (422, "/files/a?checksum=required", {}, "alice"),
    "no CRC-32": (422, "/files/a", {"x-amz-checksum-crc32": "x"}, "alice"),
    "no room": (507, "/files/a?full", {}, "alice"),
}


def detail(reply: Reply) -> str:
    """The reason, from a response of JSON."""
    said = json.loads(reply.body)
    assert (said["status"], reply.one("Content-Type")) == (reply.status, "application/json")
    return str(said["detail"])


@pytest.mark.parametrize("waits", [False, True], ids=["", "waits"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_has_its_reason_and_nothing_is_stored(flask_site: Scene, case: str, waits: bool) -> None:
    status, path, headers, user = REFUSED[case]
    before = flask_site.objects()
    head = {"X-User": user, "Content-Length": str(len(BODY)), **headers}
    if waits:
        came = flask_site.head_of(path, {**head, "Expect": "100-continue"})
        assert came.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"\r\nXaccel-Error: " in came
    else:
        json_, text = (
            ask(flask_site.nginx.port, path, "PUT", {**head, "Accept": accept})
            for accept in ("application/json", "*/*")
        )
        assert (json_.status, text.status) == (status, status)
        assert text.body.decode() == f"{detail(json_)}\n"
        assert text.one("Content-Type") == "text/plain; charset=utf-8"
    assert flask_site.objects() == before


OWN = {
    "json": (409, '{"detail": "There is a \\"report.pdf\\" already", "pk": 7}\n', "application/json"),
    "unknown": (400, "Please pay: 5 €\n", "text/plain; charset=utf-8"),
    "long": (413, "the upload was refused\n", "text/plain; charset=utf-8"),
    "page": (401, "sign in first\n", "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize("case", OWN)
def test_a_views_own_refusal_reaches_the_client(flask_site: Scene, case: str) -> None:
    status, said, kind = OWN[case]
    before, path = flask_site.objects(), f"/files/a?own={case}"
    reply = flask_site.put(BODY, path)
    assert (reply.status, reply.body.decode(), reply.one("Content-Type")) == (status, said, kind)
    assert reply.all("Retry-After") == (["60"] if case == "json" else [])
    assert reply.all("WWW-Authenticate") == (['Basic realm="x"'] if case == "page" else [])
    assert not [name for name, _ in reply.headers if name.lower().startswith("xaccel-")]
    head = {"X-User": "alice", "Content-Length": str(len(BODY)), "Expect": "100-continue"}
    came = flask_site.head_of(path, head)
    assert came.startswith(f"HTTP/1.1 {status} ".encode())
    if case == "json":
        assert b"\r\nXaccel-Error: There is a 'report.pdf' already\r\n" in came
    assert flask_site.objects() == before


def test_a_length_with_leading_zeros_is_refused_before_the_body(flask_site: Scene) -> None:
    """S3 signs the length, and NGINX sends it as the client does."""
    before = flask_site.objects()
    head = {"X-User": "alice", "Content-Length": "00005", "Connection": "close"}
    came = flask_site.head_of("/files/a", head, b"hello")
    assert came.startswith(b"HTTP/1.1 411 ")
    assert b"\r\n\r\nsend the length of the file in Content-Length, without leading zeros\n" in came
    assert flask_site.objects() == before


def test_a_length_is_required(flask_site: Scene) -> None:
    head = {"X-User": "alice", "Transfer-Encoding": "chunked", "Connection": "close"}
    came = flask_site.head_of("/files/a", head, b"5\r\nhello\r\n0\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 411 ")
    assert b"\r\n\r\nsend the length of the file in Content-Length, without" in came


def test_other_requests_reach_the_app_as_they_are(flask_site: Scene) -> None:
    reply = ask(flask_site.nginx.port, "/files/a", "POST", (), b"12345")
    host = f"127.0.0.1:{flask_site.nginx.port}"
    assert json.loads(reply.body) == {"method": "POST", "host": host, "bytes": 5, "proto": "http"}
    reply = ask(flask_site.nginx.port, "/files/a", "POST", (), bytes(1_100_000))
    assert reply.status == 413, "NGINX's own limit applies to all but uploads"


def test_a_wrong_crc32_is_refused_by_the_storage(flask_site: Scene) -> None:
    before = flask_site.objects(), flask_site.told()
    wrong = {"x-amz-checksum-crc32": crc32_of(b"other")}
    json_, text = (
        flask_site.put(BODY, headers={**wrong, "Accept": accept}) for accept in ("application/json", "*/*")
    )
    assert (json_.status, "CRC-32" in detail(json_)) == (422, True)
    assert (text.status, text.body.decode()) == (422, f"{detail(json_)}\n")
    assert (flask_site.objects(), flask_site.told()) == before
    assert flask_site.entry(status="422", why="origin_400")["origin_status"] == "400"
