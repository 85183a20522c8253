"""A hostile backend of the same server while an upload is under way, and an operator's `mirror` of a PUT to uploads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live.client import Reply, ask
from tests.live.handoff.hostile import Hostile, included, page, redirects
from tests.live.stage import line_where
from tests.servers.origin import Answer, Request
from xaccel import Sender
from xaccel.features.uploads.receive import receive, received

BODY = b"what the user sends" * 5000
FORGED = {
    "Xaccel-Nginx-Token": "x",
    "Xaccel-Storage-Status": "200",
    "Xaccel-Storage-Etag": '"of-the-backend"',
    "Xaccel-Subject": "nobody",
    "Xaccel-Origin": "partner",
    "Xaccel-Status": "200",
}


@pytest.fixture
def hostile(server: Hostile) -> Iterator[Hostile]:
    sender = Sender(server.stage.site)

    def app(request: Request) -> Answer:
        headers = {name.lower(): value for name, value in request.headers}
        if done := received(sender.site, headers):
            return Answer(status=201, body=json.dumps(done._asdict()).encode())
        arguments: Any = {"max_size": "1m", "subject": "alice"}
        said = receive(sender, "bucket", headers, arguments, record=lambda _: None)
        return Answer(status=said.status, headers=[*said.headers], body=said.body)

    server.reset()
    server.pages["/upload/x"] = app
    yield server
    server.reset()


def put(server: Hostile, path: str = "/upload/x") -> Reply:
    return ask(server.stage.nginx.port, path, "PUT", {"Content-Type": "text/plain"}, BODY)


def stored(server: Hostile) -> list[bytes]:
    return [request.body for request in server.origin.requests if request.method == "PUT"]


def uploads(server: Hostile) -> list[dict[str, Any]]:
    return [line for line in server.stage.nginx.lines() if line.get("kind") == "upload"]


def held(server: Hostile, attack: Callable[[], object]) -> Reply:
    """Send a file. The storage responds after the attack, which may fail an assertion."""
    failed: list[AssertionError] = []

    def wait() -> None:
        server.origin_waits = lambda: None
        try:
            attack()
        except AssertionError as error:
            failed.append(error)

    server.origin_waits = wait
    reply = put(server)
    if failed:
        raise failed[0]
    return reply


@pytest.mark.parametrize("way", ["/b/jump", "/b/page", "/mirrored/y"])
def test_no_jump_to_a_named_location_reaches_an_upload_that_is_under_way(hostile: Hostile, way: str) -> None:
    """By a response, SSI and mirror, with a body and without one."""

    def attack() -> None:
        for name in hostile.named_locations:
            jump = redirects(name, {**FORGED, "Xaccel-Url": f"{hostile.origin.url}/bucket/stolen"})
            hostile.pages |= dict.fromkeys(("jump", "sub"), jump)
            hostile.pages["page"] = page(included("/b/jump"))
            for method, body in (("GET", b""), ("PUT", b"of the attacker")):
                reply = ask(hostile.stage.nginx.port, way, method, {}, body)
                assert reply.status != 201, (name, method)
            hostile.settle()

    before = len(uploads(hostile))
    reply = held(hostile, attack)
    made = json.loads(reply.body)
    assert (reply.status, made["size"], made["subject"]) == (201, len(BODY), "alice")
    assert stored(hostile) == [BODY]
    line = line_where(hostile.stage.nginx, "id", made["id"])
    expected = {"status": "201", "origin": "bucket", "subject": "alice", "origin_status": "200", "why": ""}
    assert {name: line[name] for name in expected} == expected
    assert [line["id"] for line in uploads(hostile)[before:]] == [made["id"]]


def test_a_mirrored_put_stores_nothing_and_has_no_entry(hostile: Hostile) -> None:
    """The operator mirrors requests of another location to a path of UPLOADS, where the client may send files."""
    before = len(uploads(hostile))
    for _ in range(3):
        assert put(hostile, "/relayed/x").status == 200
        hostile.settle()
    assert stored(hostile) == []
    made = json.loads(put(hostile).body)
    line_where(hostile.stage.nginx, "id", made["id"])
    assert stored(hostile) == [BODY]
    assert [line["id"] for line in uploads(hostile)[before:]] == [made["id"]]
