"""GET and HEAD on signed URLs, cached or not; a body never leaves for an origin."""

from __future__ import annotations

import pytest

from tests.live.conftest import Live

BODY = b"0123456789" * 50


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "methods.txt", BODY, "text/plain")
    (places.media / "methods.txt").write_bytes(BODY)


@pytest.mark.parametrize("origin", ["documents", "vhost", "cached", "media"])
@pytest.mark.parametrize("cache_version", [None, "v1"])
def test_head_has_the_headers_of_get_and_no_body(live: Live, origin: str, cache_version: str | None) -> None:
    options = {"cache_version": cache_version, "filename": "m.txt", "as_attachment": True}
    head = live.get(origin, "methods.txt", method="HEAD", options=options)
    whole = live.get(origin, "methods.txt", options=options)
    assert (head.status, head.body, whole.body) == (200, b"", BODY)
    changing = ("date",)
    assert [h for h in head.headers if h[0].lower() not in changing] == [
        h for h in whole.headers if h[0].lower() not in changing
    ]


def test_head_is_asked_as_head_and_cached_head_as_get(live: Live) -> None:
    live.get("partner", "x", method="HEAD")
    live.get("partner-cached", "x", method="HEAD", options={"cache_version": live.variant.name})
    assert [request.method for request in live.places.origin.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_reach_the_origin_as_get_without_a_body(live: Live, method: str) -> None:
    headers = {"Content-Type": "text/x"}
    (line,) = live.new_lines(
        lambda: live.get("partner", "x", method=method, body=b"secret form", headers=headers)
    )
    assert (line["method"], line["status"]) == (method, "200")
    (request,) = live.places.origin.requests
    assert (request.method, request.body, request.header("Content-Length")) == ("GET", b"", None)
