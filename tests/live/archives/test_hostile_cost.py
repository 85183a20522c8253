"""What a template costs has an end, whatever an app with the secret writes, and the users of other sites are served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import on_all_builds
from tests.live.archives.hostile import (
    LENGTH,
    PARTNER,
    SITE_AT_ONCE,
    STOLEN,
    TAG,
    Hostile,
    include,
    ticket_of,
)
from tests.live.client import ask
from tests.servers.origin import Answer, Request
from xaccel_testing.servers.processes import wait_until

pytestmark = on_all_builds
CLIENTS = 50
TRIES = 2
"""NGINX sends a request again if the assembler ends the transfer before its header."""
PART = include("/part?0:0-9/10000:10:p:")
FILE = "?0:0-6/7:7:w:http://archives.invalid/file/media/mine.txt#"
MAX_INCLUDES = 2047


@pytest.fixture(autouse=True)
def fresh(hostile: Hostile) -> Iterator[None]:
    for origin in (hostile.app, hostile.own, hostile.elsewhere):
        origin.requests.clear()
    answer = hostile.own.answer
    yield
    hostile.own.answer = answer
    hostile.replies.clear()


def test_a_part_has_no_parts(hostile: Hostile) -> None:
    hostile.assembled(PART, PART)
    assert hostile.templates <= 2 * TRIES


def test_an_archive_is_no_member_of_an_archive(hostile: Hostile) -> None:
    for path in (f"archive/{TAG}", f"%61rchive/{TAG}", f"file/../archive/{TAG}", f"/archive/{TAG}"):
        hostile.app.requests.clear()
        url = f"http://archives.invalid/{path}?token={ticket_of(hostile.site)}"
        hostile.assembled(include(f"/member/archives?0:0-9/10:10:p:{url}#"))
        assert hostile.templates <= TRIES, path


@pytest.mark.parametrize("path", ["/archive/{tag}?token={ticket}", "/file/media/mine.txt", "/", "/x", "/cut"])
def test_a_template_includes_parts_and_members_alone(hostile: Hostile, path: str) -> None:
    included = include(path.format(tag=TAG, ticket=ticket_of(hostile.site)))
    assert b"after" not in hostile.assembled(included, "after")
    assert hostile.templates <= TRIES


def test_members_and_parts_run_one_after_the_other(hostile: Hostile) -> None:
    """Without `wait`, each would have a connection of its own."""
    for path in ("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"), "/part?0:0-9/10000:10:p:"):
        hostile.own.requests.clear()
        hostile.app.requests.clear()
        hostile.assembled(*[f'<!--#include virtual="{path}" -->'] * 300)
        assert len(hostile.own.requests) <= TRIES, path
        assert hostile.templates <= 2 * TRIES, path


@pytest.mark.parametrize("reply", [Answer(404), Answer(body=b""), Answer(body=b"four")])
def test_nothing_is_included_after_a_member_that_did_not_come(hostile: Hostile, reply: Answer) -> None:
    hostile.own.answer = lambda _: reply
    empty = "?0:0-0/1:0:w:{url}#" if reply.body == b"" else PARTNER
    hostile.assembled(*[include("/member/partner" + empty.format(url=f"{hostile.own.url}/x"))] * 20)
    assert len(hostile.own.requests) <= TRIES


def test_a_template_has_a_last_include(hostile: Hostile) -> None:
    body = hostile.assembled(*[include("/member/archives" + FILE)] * (MAX_INCLUDES + 20))
    assert body.count(b"my own!") == MAX_INCLUDES


def test_an_address_does_not_split_the_request_of_a_part(hostile: Hostile) -> None:
    hostile.commands[:] = [PART.encode()]
    for split in (
        f"archive/y%20HTTP/1.0%0D%0AHost:%20{hostile.elsewhere.address}%0D%0A%0D%0A",
        f"archive/{TAG}%20HTTP/1.0%0D%0AX:%20",
        f"archive/{TAG}%0A",
        f"archive/{TAG}%00",
        f"archive/{TAG}%3Ftoken=x%23",
    ):
        url = f"http://archives.invalid/{split}?token={ticket_of(hostile.site)}"
        hostile.replies["/x"] = {"Xaccel-Url": url}
        assert ask(hostile.port, "/x").status in (404, 502), split
    assert hostile.templates == 0


def test_users_of_another_site_are_served_during_the_attack(hostile: Hostile) -> None:
    """50 clients send the requests that took all connections of NGINX, for its own default number of them."""
    parallel = f'<!--#include virtual="/member/partner{PARTNER.format(url=f"{hostile.own.url}/x")}" -->'
    hostile.commands[:] = [command.encode() for command in [PART, PART, *[parallel] * 300]]

    def attack(_: int) -> None:
        try:
            ask(hostile.port, "/x")
        except Exception:  # noqa: BLE001  (a transfer that broke)
            return

    with ThreadPoolExecutor(CLIENTS) as clients:
        attacks = [clients.submit(attack, number) for number in range(CLIENTS)]
        replies = [ask(hostile.port, "/shop")]
        while not all(one.done() for one in attacks):
            replies.append(ask(hostile.port, "/shop"))
    assert {(reply.status, reply.body) for reply in replies} == {(200, b"of the other site")}
    assert hostile.templates <= 2 * TRIES * CLIENTS
    assert len(hostile.own.requests) <= 2 * TRIES * CLIENTS


def test_archives_above_the_limit_of_the_site_get_a_clear_503(hostile: Hostile) -> None:
    """Those that run go on, and a file of the same site is served."""
    release = threading.Event()

    def waits(_: Request) -> Answer:
        release.wait(60)
        return Answer(body=STOLEN)

    hostile.own.answer = waits
    rest = b"." * (LENGTH - len(b"template:" + STOLEN))
    member = include("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"))
    hostile.commands[:] = [member.encode(), rest]
    with ThreadPoolExecutor(SITE_AT_ONCE) as clients:
        running = [clients.submit(ask, hostile.port, "/x") for _ in range(SITE_AT_ONCE)]
        try:
            hostile.own.wait_for(SITE_AT_ONCE)
            refused = ask(hostile.port, "/x")
        finally:
            release.set()
    assert (refused.status, refused.one("Retry-After")) == (503, "10")
    assert {one.result().body for one in running} == {b"template:" + STOLEN + rest}
    assert wait_until(lambda: '"why":"origin_429"' in (hostile.logs / "xaccel.log").read_text(), timeout_s=60)
