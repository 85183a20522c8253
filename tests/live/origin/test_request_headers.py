"""Client headers that reach an origin: range and conditions. Its User-Agent has most of the transfer id."""

from __future__ import annotations

import re

from tests.conftest import on_all_builds
from tests.live.conftest import Live, build_of
from tests.live.objects import serve
from tests.servers.origin import Answer, Origin, Request
from xaccel.handoff.identifiers import SENT_PATTERN

NOSY = {
    "Cookie": "sessionid=topsecret",
    "Authorization": "Basic dXNlcjpwYXNz",
    "Referer": "https://app.example/private",
    "User-Agent": "somebody",
    "Accept-Language": "de",
    "X-Forwarded-For": "203.0.113.9",
    "X-Accel-Redirect": "/_xaccel/documents",
    "Xaccel-Url": "http://127.0.0.1:1/x",
    "X-Amz-Security-Token": "t",
    "Proxy-Authorization": "Basic x",
    "Accept-Encoding": "gzip",
}


def names(live: Live) -> list[str]:
    return sorted(name.lower() for name, _ in live.places.origin.requests[-1].headers)


def test_only_host_and_the_fixed_headers_are_sent(live: Live) -> None:
    live.get("partner", "x", headers=NOSY)
    assert names(live) == ["authorization", "host", "user-agent", "x-api-key"]
    assert live.places.origin.requests[-1].header("Authorization") == "Bearer partner"
    assert live.places.origin.requests[-1].header("Host") == live.places.origin.address


def test_an_origin_without_fixed_headers_gets_none_of_another_origin(live: Live) -> None:
    live.get("partner-cached", "x", headers=NOSY)
    assert names(live) == ["host", "user-agent"]


def agents(origin: Origin) -> list[str | None]:
    """The User-Agent of each request that `origin` got since the last call."""
    found = [request.header("User-Agent") for request in origin.requests]
    origin.requests.clear()
    return found


def test_the_user_agent_is_the_id_of_the_transfer_without_its_end(live: Live) -> None:
    for method in ("GET", "HEAD"):
        _, line = live.logged("partner", "x", method=method, headers=NOSY)
        assert re.fullmatch(f"{SENT_PATTERN}-[0-9a-f]{{12}}", line["id"])
        assert agents(live.places.origin) == [f"xaccel t={line['id'][:23]}"]


@on_all_builds
def test_a_redirect_target_gets_no_id_and_the_origin_itself_does(live: Live) -> None:
    home, other = live.places.origin, live.places.second_origin

    def lead(request: Request) -> Answer:
        paths = {"/files/x": "/again", "/again": f"http://{other.address}/x"}
        return Answer(status=302, headers=[("Location", paths[request.target])])

    home.answer = lead
    _, line = live.logged("partner", "x")
    assert line["status"] == "200"
    assert agents(home) == [f"xaccel t={line['id'][:23]}"] * 2
    assert agents(other) == [None]


def test_each_slice_is_fetched_with_the_id_of_the_transfer_that_needs_it(live: Live) -> None:
    body, origin = bytes(3000), live.places.origin
    origin.answer = lambda request: serve(request, body)
    options = {"cache_version": f"slices-{live.variant.name}", "size": len(body)}

    def get(part: str) -> str:
        _, line = live.logged("partner-cached", "sliced", headers={"Range": part}, options=options)
        return f"xaccel t={line['id'][:23]}"

    first = get("bytes=0-1500")
    if "slice" in build_of(live.variant).modules:
        assert agents(origin) == [first] * 2
        second = get("bytes=0-")
        assert agents(origin) == [second]
    else:
        assert agents(origin) == [first]


def test_two_range_lines_are_not_passed_on(live: Live) -> None:
    live.get("partner", "x", headers=(("Range", "bytes=0-1"), ("Range", "bytes=3-4")))
    assert live.places.origin.requests[-1].header("Range") is None
