"""Redirects of an origin are followed inside NGINX, where the origin may lead, and nowhere else."""

from __future__ import annotations

import pytest

from tests.conftest import on_all_builds
from tests.live.conftest import Live
from tests.servers.origin import Answer, Request
from xaccel.http_client.origin import MAX_REDIRECTS
from xaccel.urls import REDIRECTS

BODY = b"behind the redirect"


def lead(live: Live, location: str | None, *, status: int = 302, times: int = 1) -> None:
    """Let the origin redirect `times` times to `location`, and then deliver."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        if len(asked) <= times:
            headers = [("Set-Cookie", "a=b"), ("Content-Disposition", "attachment; filename=evil")]
            headers += [("Location", location)] if location is not None else []
            return Answer(status=status, headers=headers, body=b"<a href=secret>moved</a>")
        return Answer(headers=[("Content-Type", "text/plain")], body=BODY)

    live.places.origin.answer = answer


def targets(live: Live) -> list[str]:
    return [request.target for request in live.places.origin.requests]


@on_all_builds
@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_kind_of_redirect_is_followed(live: Live, status: int, method: str) -> None:
    lead(live, "/moved?x=%20y", status=status)
    reply = live.get("partner", "a.txt", method=method, options={"filename": "mine.txt", "subject": "7"})
    assert (reply.status, reply.body) == (200, BODY if method == "GET" else b"")
    assert reply.one("Content-Disposition") == 'inline; filename="mine.txt"'
    assert (reply.one("Location"), reply.one("Set-Cookie")) == (None, None)
    assert targets(live) == ["/files/a.txt", "/moved?x=%20y"]
    assert [request.method for request in live.places.origin.requests] == [method, method]


# each step of each form, and thousands of random ones: tests/maps/test_urls.py
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("HTTP://{home}/abs/x%2Fy?z=%3F#part", "/abs/x%2Fy?z=%3F"),
        ("relative/x.txt?q=1", "/files/dir/relative/x.txt?q=1"),
        ("http://{other}/elsewhere", None),
    ],
)
def test_each_form_of_location_is_resolved(live: Live, location: str, target: str | None) -> None:
    home, other = live.places.origin.address, live.places.second_origin.address
    lead(live, location.format(home=home, other=other))
    reply = live.get("partner", "dir/a.txt")
    assert reply.status == 200
    if target is None:
        assert live.places.second_origin.requests[-1].target == "/elsewhere"
    else:
        assert (reply.body, targets(live)[-1]) == (BODY, target)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (None, "redirect_without_location"),
        ("http://169.254.169.254/latest/meta-data/", "redirect_refused"),
        ("http://{home}@evil.test/x", "redirect_refused"),
        ("http://unix:/tmp/x:/y", "redirect_refused"),
        # a path on the origin itself, whatever it looks like
        ("/_xaccel/media/x", None),
    ],
)
def test_a_redirect_to_another_host_is_refused_with_a_reason(
    live: Live, location: str | None, why: str | None
) -> None:
    lead(live, None if location is None else location.format(home=live.places.origin.address))
    reply, line = live.logged("partner", "dir/a.txt", options={"filename": "f"})
    if why is None:
        assert (reply.status, len(live.places.origin.requests)) == (200, 2)
        return
    assert (reply.status, line["why"], len(live.places.origin.requests)) == (502, why, 1)
    assert reply.body == b"The storage did not deliver the file.\n"
    assert reply.one("Content-Disposition") is None
    assert b"evil" not in reply.everything()


def test_two_location_lines_are_refused(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(status=302, headers=[("Location", "/a"), ("Location", "/b")])
    assert live.get("partner", "x").status == 502


def test_an_origin_without_redirect_hosts_leads_to_itself_only(live: Live) -> None:
    lead(live, f"http://{live.places.second_origin.address}/x")
    assert live.get("partner-cached", "x").status == 502
    assert live.places.second_origin.requests == []


@on_all_builds
def test_fixed_headers_and_cookies_go_to_no_other_host(live: Live) -> None:
    lead(live, f"http://{live.places.second_origin.address}/x")
    headers = {"Cookie": "sid=1", "Authorization": "Basic x", "Range": "bytes=1-2", "If-None-Match": '"q"'}
    assert live.get("partner", "x", headers=headers).status == 200
    here, there = live.places.origin.requests[-1], live.places.second_origin.requests[-1]
    assert here.header("Authorization") == "Bearer partner"
    assert dict(there.headers) == {
        "Host": live.places.second_origin.address,
        "Range": "bytes=1-2",
        "If-None-Match": '"q"',
    }


def test_fixed_headers_go_along_on_the_origin_itself(live: Live) -> None:
    lead(live, "/moved")
    live.get("partner", "x")
    sent = [request.header("Authorization") for request in live.places.origin.requests]
    assert sent == ["Bearer partner"] * 2


def test_redirects_are_followed_up_to_a_bound(live: Live) -> None:
    lead(live, "/again", times=MAX_REDIRECTS)
    assert live.get("partner", "x").status == 200
    lead(live, "/again", times=MAX_REDIRECTS + 1)
    reply, line = live.logged("partner", "x")
    assert (reply.status, line["why"]) == (502, "too_many_redirects")
    assert len(live.places.origin.requests) == 2 * (MAX_REDIRECTS + 1)


@pytest.mark.parametrize("hops", [0, 1, MAX_REDIRECTS])
def test_a_replaced_object_is_sent_whole_also_behind_redirects(live: Live, hops: int) -> None:
    new = b"the new object, whole"

    def answer(request: Request) -> Answer:
        number = int(request.target.rpartition("/")[2]) if "/hop/" in request.target else 0
        if number < hops:
            return Answer(status=302, headers=[("Location", f"/hop/{number + 1}")])
        if request.header("If-Match") not in (None, '"new"'):
            return Answer(status=412, body=b"<Error>")
        if request.header("Range"):
            return Answer(status=206, headers=[("Content-Range", f"bytes 0-2/{len(new)}")], body=new[:3])
        return Answer(headers=[("ETag", '"new"')], body=new)

    live.places.origin.answer = answer
    old = live.get("partner", "x", headers={"Range": "bytes=0-2", "If-Range": '"old"'})
    same = live.get("partner", "x", headers={"Range": "bytes=0-2", "If-Range": '"new"'})
    assert (old.status, old.body, old.one("ETag")) == (200, new, '"new"')
    assert (same.status, same.body) == (206, new[:3])


def test_an_error_after_all_of_that_is_still_a_plain_page(live: Live) -> None:
    """The most changes of location that one transfer makes; one more and NGINX would answer 500 itself."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        if len(asked) <= MAX_REDIRECTS:
            return Answer(status=302, headers=[("Location", f"/hop/{len(asked)}")])
        return Answer(status=412 if request.header("If-Match") else 403, body=b"<Error>")

    live.places.origin.answer = answer
    reply = live.get("partner", "x", headers={"Range": "bytes=0-2", "If-Range": '"old"'})
    assert (reply.status, reply.body) == (502, b"The storage did not deliver the file.\n")
    assert len(asked) == MAX_REDIRECTS + 2
