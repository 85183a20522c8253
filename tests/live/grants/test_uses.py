"""A grant: one question to the app, many downloads, each as the app decided and with an entry of its own."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.commands import explain, run
from tests.live.grants.scene import BODY, COOKIE, FOLDER, ORIGINS, Scene, scene
from tests.servers.origin import Answer, Request, origin_server
from xaccel_testing import Variant

RANGES = 300


@pytest.mark.parametrize("origin", ORIGINS)
def test_300_ranges_are_one_call_of_the_app_and_300_entries_of_one_decision(
    grants: Scene, origin: str
) -> None:
    session = grants.user(f"ranges-{origin}", "a")

    def download() -> None:
        for number in range(RANGES):
            first = number * 200
            reply = grants.get(
                f"/files/{origin}/a", session, headers={"Range": f"bytes={first}-{first + 199}"}
            )
            assert (reply.status, reply.body) == (206, BODY[first : first + 200])
            assert reply.one("Content-Range") == f"bytes {first}-{first + 199}/{len(BODY)}"

    assert grants.calls_of(download) == 1
    entries = grants.entries(RANGES, subject=f"ranges-{origin}")
    assert len(entries) == RANGES
    assert len({entry["id"] for entry in entries}) == RANGES
    assert len({entry["id"][:24] for entry in entries}) == 1
    [first] = [entry["id"] for entry in entries if not entry["note"]]
    assert {entry["note"] for entry in entries} == {"", f"grant:{first}"}
    assert {entry["why"] for entry in entries} == {""}


def test_a_new_session_in_32_threads_is_few_calls(grants: Scene) -> None:
    """The first request asks the app, and others wait for it, but not long: on a busy machine more of them ask too."""
    session = grants.user("crowd", "a")

    def one(number: int) -> bytes:
        return grants.get("/files/media/a", session, headers={"Range": f"bytes={number}-{number + 9}"}).body

    def crowd() -> None:
        with ThreadPoolExecutor(32) as threads:
            bodies = list(threads.map(one, range(200)))
        assert bodies == [BODY[number : number + 10] for number in range(200)]

    assert grants.calls_of(crowd) <= 100


def test_a_download_without_a_grant_asks_the_app_each_time(grants: Scene) -> None:
    session, grants.life = grants.user("plain", "a"), None
    assert grants.calls_of(lambda: [grants.get("/files/media/a", session) for _ in range(3)]) == 3


def test_a_grant_ends_with_its_life(grants: Scene) -> None:
    session, grants.life = grants.user("short", "a"), 1

    def until_asked_again() -> None:
        before = len(grants.calls)
        while len(grants.calls) < before + 2:
            assert grants.get("/files/media/a", session).body == BODY

    assert grants.calls_of(until_asked_again) == 2


@pytest.mark.parametrize(
    "condition", ["If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since"]
)
def test_a_condition_is_the_apps_to_answer(grants: Scene, condition: str) -> None:
    session = grants.user("condition", "a")
    grants.get("/files/media/a", session)
    value = '"x"' if condition.endswith("Match") else "Mon, 30 Nov 2026 00:00:00 GMT"
    assert grants.calls_of(lambda: grants.get("/files/media/a", session, headers={condition: value})) == 1
    assert grants.calls[-1].header(condition) == value
    assert grants.calls_of(lambda: grants.get("/files/media/a", session)) == 0


def test_head_has_a_grant_of_its_own(grants: Scene) -> None:
    session = grants.user("head", "a")
    assert grants.calls_of(lambda: [grants.get("/files/media/a", session) for _ in range(3)]) == 1
    heads = lambda: [grants.get("/files/media/a", session, method="HEAD") for _ in range(3)]  # noqa: E731
    assert grants.calls_of(heads) == 1
    [reply] = heads()[:1]
    assert (reply.status, reply.one("Content-Length"), reply.body) == (200, str(len(BODY)), b"")


def test_the_app_gets_the_request_as_without_grants(grants: Scene) -> None:
    """Its own host, the client's address and headers, and none of NGINX's requests to itself."""
    session = grants.user("headers", "a")
    target = "/files/media/a?x=%31&y=a%20b"
    grants.get(target, session, headers={"X-Mine": "1", "Xaccel-Host": "forged", "Xaccel-Grant-Again": "1"})
    asked = grants.calls[-1]
    assert asked.target == target
    assert asked.header("Host") == f"127.0.0.1:{grants.port}"
    assert asked.header("X-Forwarded-For") == asked.header("X-Real-IP") == "127.0.0.1"
    assert asked.header("X-Forwarded-Proto") == "http"
    assert asked.header("X-Mine") == "1"
    assert asked.header("Xaccel-Host") is None
    assert asked.header("Xaccel-Grant-Again") is None


def test_a_post_with_a_body_reaches_the_app(grants: Scene) -> None:
    from tests.live.client import ask

    grants.pages["/files/form"] = lambda request: Answer(status=201, body=request.body)
    reply = ask(grants.port, "/files/form", "POST", {"Cookie": f"sid={grants.user('post')}"}, b"x" * 100_000)
    assert (reply.status, reply.body) == (201, b"x" * 100_000)


def test_explain_says_that_nginx_remembered_the_decision(grants: Scene) -> None:
    session = grants.user("explained", "a")
    for _ in range(2):
        grants.get("/files/media/a", session)
    decided, use = sorted(grants.entries(2, subject="explained"), key=lambda entry: entry["note"])
    log = str(grants.nginx.directory / "xaccel.log")
    said = f"grant: NGINX remembered the decision {decided['id']}, and did not ask the app"
    assert said in explain(grants.site, use["id"], "--log", log, "--key", "a")
    assert "grant:" not in explain(grants.site, decided["id"], "--log", log, "--key", "a").splitlines()[2]


@pytest.mark.parametrize("path", ["/files/media/a", f"/files/bucket/{FOLDER}s1.ts"])
def test_a_trace_asks_the_app_and_is_not_remembered(grants: Scene, path: str) -> None:
    session = grants.user(f"traced-{len(path)}", "a", FOLDER)
    grants.get(path, session)
    cookie, log = f"Cookie: {COOKIE}={session}", str(grants.nginx.directory / "xaccel.log")
    url = f"http://127.0.0.1:{grants.port}{path}"

    def traces() -> None:
        for _ in range(2):
            shown = run(grants.site, "trace", url, "--header", cookie, "--log", log)
            assert "end: sent." in shown, shown
            assert session not in shown

    assert grants.calls_of(traces) == 2


def test_uses_of_a_grant_count_as_transfers(variant: Variant, tmp_path: Path) -> None:
    """One user may have one at once, and NGINX asks the app once."""
    goes_on = threading.Event()

    def blocks() -> Iterator[bytes]:
        yield BODY[:40_000]  # NGINX sends nothing of a buffer of 16k before it is full
        assert goes_on.wait(60)
        yield BODY[40_000:]

    slow = Answer(headers=[("Content-Length", str(len(BODY)))], body=b"")

    def answer(request: Request) -> Answer:
        return replace(slow, body=blocks()) if request.target == "/slow" else Answer(body=BODY)

    with origin_server(answer) as origin:
        origins = {"slow": {"type": "http", "base_url": f"{origin.url}/"}}
        with scene(tmp_path, variant, origins=origins, CONCURRENCY=1) as made:
            session = made.user("greedy", "slow", "a")
            assert made.get("/files/slow/a", session).body == BODY

            def at_once() -> None:
                with closing(http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)) as connection:
                    connection.request("GET", "/files/slow/slow", headers={"Cookie": f"{COOKIE}={session}"})
                    with closing(connection.getresponse()) as response:
                        second = made.get("/files/slow/a", session).status
                        goes_on.set()
                        assert (response.read() == BODY, second) == (True, 429)

            assert made.calls_of(at_once) == 1, "of the slow one"
            assert made.entries(1, why="limited")
