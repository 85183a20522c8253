"""Cached objects are sent while the origin is down: whole, as a range, from slices and from one piece."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import Reply
from tests.live.conftest import build_of
from tests.live.objects import serve
from tests.live.origin.bad_origins import impatient
from tests.live.origin.dns_server import dns_server
from tests.live.stage import Stage, cached_stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

SLICE = 65_536
LARGE = bytes(range(251)) * 1_000
"""3.8 slices, where there are slices."""
SMALL = LARGE[:SLICE]


DOWN: dict[str, Callable[[Request], Answer]] = {
    "500": lambda _: Answer(status=500, body=b"<Error>oh</Error>"),
    "502": lambda _: Answer(status=502),
    "503": lambda _: Answer(status=503, headers=[("Retry-After", "60")]),
    "504": lambda _: Answer(status=504),
    "nothing": lambda _: Answer(raw=b""),
}


def site(origin: Origin, valid: str) -> dict[str, Any]:
    return {
        "origins": {"store": {"base_url": f"{origin.url}/", "cache": True}},
        "cache": {"path": "cache", "slice": "64k", "valid": valid},
    }


@pytest.fixture(scope="module")
def short(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    """What is kept is out of date after a second."""
    with cached_stage(
        tmp_path_factory.mktemp("down"),
        variant,
        lambda request: serve(request, LARGE),
        cache={"slice": "64k", "valid": "1s"},
    ) as made:
        yield made


def get(
    made: Stage, name: str, body: bytes, headers: dict[str, str] | None = None, method: str = "GET"
) -> Reply:
    return logged(made, name, body, headers, method)[0]


def logged(
    made: Stage, name: str, body: bytes, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[Reply, dict[str, Any]]:
    options = {"cache_version": name, "size": len(body)}
    return made.logged("store", headers=headers or {}, method=method, options=options)


def require_all(made: Stage, name: str, body: bytes) -> None:
    """Whole, HEAD, ranges and conditions are as ever."""
    end = len(body)
    whole, head = get(made, name, body), get(made, name, body, method="HEAD")
    assert (whole.status, whole.body) == (200, body)
    assert (head.status, head.one("Content-Length")) == (200, str(end))
    for asked, first, last in (
        ("bytes=5-9", 5, 10),
        (f"bytes={end - 70_000 if end > 70_000 else 100}-", end - 70_000 if end > 70_000 else 100, end),
        ("bytes=-7", end - 7, end),
    ):
        part = get(made, name, body, {"Range": asked})
        assert (part.status, part.body) == (206, body[first:last])
        assert part.one("Content-Range") == f"bytes {first}-{last - 1}/{end}"
    assert get(made, name, body, {"If-None-Match": '"one"'}).status == 304
    assert get(made, name, body, {"Range": "bytes=5-9", "If-Range": '"one"'}).body == body[5:10]


def out_of_date(made: Stage, name: str, body: bytes) -> bool:
    """Whether NGINX asks the origin again for what it keeps, and says so in the line."""
    _, line = logged(made, name, body, {"Range": "bytes=0-0"})
    return line["cache"] != "HIT"


def wait_until_out_of_date(made: Stage, name: str, body: bytes) -> None:
    """It takes a second or two, and each look is a download."""
    assert wait_until(lambda: out_of_date(made, name, body), timeout_s=60, every_s=0.2)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_a_cached_object_is_sent_while_the_origin_refuses(
    variant: Variant, tmp_path: Path, body: bytes
) -> None:
    """Its port is closed. What is not kept is a plain page."""
    with ExitStack() as up:
        origin = up.enter_context(origin_server(lambda request: serve(request, body)))
        with stage(tmp_path, variant, **site(origin, "1h")) as made:
            assert get(made, "kept", body).body == body
            up.close()
            require_all(made, "kept", body)
            cold = get(made, "cold", body)
            assert (cold.status, cold.body) == (502, b"The storage did not deliver the file.\n")


def keep(made: Stage, origin: Origin, name: str, body: bytes) -> None:
    origin.answer = lambda request: serve(request, body)
    assert get(made, name, body).body == body


def test_an_expired_object_is_sent_while_the_origin_fails(short: tuple[Stage, Origin]) -> None:
    made, origin = short
    cases = {f"{failure} small": (failure, SMALL) for failure in DOWN} | {"500 large": ("500", LARGE)}
    for name, (_, body) in cases.items():
        keep(made, origin, name, body)
    for name, (failure, body) in cases.items():
        origin.answer = DOWN[failure]
        wait_until_out_of_date(made, name, body)
        origin.requests.clear()
        _, line = logged(made, name, body)
        why = "origin_failed" if failure == "nothing" else f"origin_{failure}"
        assert (line["cache"], line["why"], line["completion"]) == ("STALE", why, "OK")
        assert origin.requests, name
        require_all(made, name, body)
        # back again: what it says now is kept
        changed = body[::-1]
        origin.answer = lambda request, changed=changed: serve(request, changed, etag='"two"')  # type: ignore[misc]
        assert get(made, name, body).body == changed


def test_a_404_or_403_of_the_origin_replaces_an_expired_object(short: tuple[Stage, Origin]) -> None:
    """An object that was deleted, or that may no longer be had, is not sent again."""
    made, origin = short
    cases = {404: (404, LARGE), 403: (502, SMALL), 410: (404, SMALL)}
    for status, (_, body) in cases.items():
        keep(made, origin, str(status), body)
    for status, (page, body) in cases.items():
        gone = Answer(status=status, body=b"<Error>gone</Error>")
        origin.answer = lambda _, gone=gone: gone  # type: ignore[misc]
        wait_until_out_of_date(made, str(status), body)
        for headers in ({}, {"Range": "bytes=-7"}):
            reply = get(made, str(status), body, headers)
            assert (reply.status, b"gone" in reply.body) == (page, False), status


def test_an_expired_object_is_sent_if_the_origin_times_out(variant: Variant, tmp_path: Path) -> None:
    """Each slice that is out of date waits for the origin anew. What it says too late is not heard."""
    late, body = threading.Event(), LARGE

    def silent(request: Request) -> Answer:
        late.wait(60)
        return serve(request, body[::-1], etag='"late"')

    with cached_stage(
        tmp_path,
        variant,
        lambda request: serve(request, body),
        cache={"slice": "64k", "valid": "1s"},
        change=impatient,
    ) as (made, origin):
        assert get(made, "kept", body).body == body
        origin.answer = silent
        wait_until_out_of_date(made, "kept", body)
        origin.requests.clear()
        reply, line = logged(made, "kept", body)
        assert (reply.status, reply.body) == (200, body)
        assert (line["cache"], line["why"], line["completion"]) == ("STALE", "origin_timeout", "OK")
        assert len(origin.requests) == (4 if "slice" in build_of(variant).modules else 1)
        late.set()
        assert get(made, "kept", body, {"Range": "bytes=5-9"}).body == body[::-1][5:10]


@pytest.mark.parametrize(("down", "sent"), [("refuses", True), ("500", True), ("has no name", False)])
def test_an_expired_object_and_its_redirect_target(
    variant: Variant, tmp_path: Path, down: str, sent: bool
) -> None:
    """The origin itself goes on redirecting. Of a name that DNS does not know NGINX asks nobody, and sends 502."""
    with ExitStack() as up:
        names = up.enter_context(dns_server())
        names.known["edge.cdn.test"] = "127.0.0.1"
        edge_up = up.enter_context(ExitStack())
        edge = edge_up.enter_context(origin_server(lambda request: serve(request, SMALL)))
        target = ("Location", f"http://edge.cdn.test:{edge.port}/x")
        origin = up.enter_context(origin_server(lambda _: Answer(status=302, headers=[target])))
        settings = site(origin, "1s")
        settings["origins"]["store"]["redirect_hosts"] = [f"*.cdn.test:{edge.port}"]
        made = up.enter_context(stage(tmp_path, variant, **settings, resolver=[names.address]))
        assert get(made, "kept", SMALL).body == SMALL
        if down == "refuses":
            edge_up.close()
        elif down == "500":
            edge.answer = DOWN["500"]
        else:
            names.known.clear()
            # until then NGINX knows its address, for a second
            assert wait_until(lambda: get(made, "kept", SMALL).status == 502, timeout_s=60)
        wait_until_out_of_date(made, "kept", SMALL)
        reply, line = logged(made, "kept", SMALL)
        assert (reply.status, reply.body == SMALL, line["cache"] == "STALE") == (
            200 if sent else 502,
            sent,
            sent,
        )
