"""A slice that fails later, over HTTP/1.1, HTTP/2 and HTTP/3: the client is told an error, never a short whole file."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.live.conftest import build_of
from tests.live.front.front_door import FrontDoor, door, ending, hand_off, on_usual_builds, one_line
from tests.live.front.table import CUT, NOTHING, WHOLE
from tests.live.front.transfer import Asked
from tests.live.objects import ranges, serve
from tests.servers.origin import Answer, Request

__all__ = ["door"]
BODY = bytes(range(251)) * 28
"""6.9 slices."""
THIRD, LAST = "bytes=2048-3071", "bytes=6144-7167"
"""Slices. Whatever else a later one can be is in test_slices."""


def torn(request: Request) -> Answer:
    whole = serve(request, BODY)
    assert isinstance(whole.body, bytes)
    headers = [*whole.headers, ("Content-Length", str(len(whole.body)))]
    return Answer(status=whole.status, headers=headers, body=whole.body[:100], close=True)


FAILURES: dict[str, tuple[str, Callable[[Request], Answer]]] = {
    "expired": (THIRD, lambda _: Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")),
    "dies in the last slice": (LAST, torn),
}


@on_usual_builds
@pytest.mark.parametrize("failure", FAILURES)
def test_a_later_slice_that_fails_is_an_error_for_the_client(
    door: FrontDoor, protocol: str, failure: str
) -> None:
    """Where there are no slices the origin is asked once, and dies in the middle of the one answer."""
    origin, subject = door.live.places.origin, f"slice-{uuid4()}"
    at, answer = FAILURES[failure]
    slices = "slice" in build_of(door.live.variant).modules
    fails = slices or answer is torn
    origin.answer = lambda request: (
        answer(request)
        if request.header("Range") == at or (not slices and answer is torn)
        else serve(request, BODY)
    )
    target = hand_off(subject, origin="partner-cached", cache_version=subject, size=len(BODY))
    with door.transfer(protocol, Asked(target)) as transfer:
        end = ending(transfer)
        line = one_line(door, subject, protocol)
    if transfer.status is not None:
        shown = {name.lower(): value for name, value in transfer.headers}
        assert (transfer.status, shown["content-length"]) == (200, str(len(BODY)))
    assert BODY.startswith(transfer.body)
    if not fails:
        assert (end, transfer.body, line["why"]) == (WHOLE, BODY, "")
        return
    # nothing cuts behind a torn last slice: a short body under a longer Content-Length is the error (RFC 9113, 8.1.1);
    # over HTTP/1.1 not even the head of a small object has gone out
    assert (end in (CUT, NOTHING), transfer.complete) == (True, False), transfer.ended
    assert len(transfer.body) < len(BODY)
    assert line["why"] == ("slice_failed" if slices and at == THIRD else "origin_cut")
    assert not slices or at in ranges(origin.requests)
