"""One object, one entry: for all users and signatures, and for no other object, tenant or version."""

from __future__ import annotations

import secrets
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.conftest import Live, cache_status
from tests.live.stage import line_where
from tests.servers.origin import Answer
from xaccel import ObjectRef, S3Origin, Sender

MAX_AGE = ("Cache-Control", "max-age=1000")


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    for bucket, owner in ((places.bucket, b"tenant one"), (places.other_bucket, b"tenant two")):
        places.s3.put(bucket, "same/key.txt", owner, "text/plain")
        places.s3.put(bucket, "same/other.txt", owner + b", other", "text/plain")


def test_a_second_signature_and_another_user_hit_the_same_entry(live: Live) -> None:
    """Two signatures of different lives: the app by itself would use the first one again."""
    cached, identity = live.places.site.origin("cached"), secrets.token_hex(8)
    assert isinstance(cached, S3Origin)
    signatures, kept = [], []
    for user, expires_s in (("1", 100), ("2", 101)):
        signed = Sender(live.places.site).hand_off(
            ObjectRef("cached", "same/key.txt", stand_in=replace(cached, expires_s=expires_s))
        )
        signatures.append(parse_qs(urlsplit(signed.target).query)["X-Amz-Signature"][0])
        subject = f"{identity} {user}"
        reply = live.get(
            "cached",
            "same/key.txt",
            options={"cache_version": identity, "filename": f"{user}.txt", "subject": subject},
            put={"Xaccel-Url": signed.target},
        )
        assert (reply.status, reply.body) == (200, b"tenant one")
        assert reply.one("Content-Disposition") == f'inline; filename="{user}.txt"'
        kept.append(line_where(live.nginx, "subject", subject)["cache"])
    assert len(set(signatures)) == 2
    assert kept == ["MISS", "HIT"]


def test_tenants_never_share_an_entry(live: Live) -> None:
    for _ in range(2):
        for origin, body in (("cached", b"tenant one"), ("cached-other", b"tenant two")):
            assert live.get(origin, "same/key.txt", options={"cache_version": "shared"}).body == body


def test_keys_and_versions_never_share_an_entry(live: Live) -> None:
    for _ in range(2):
        assert cache_status(live, "cached", "same/other.txt", cache_version="k")[1] == b"tenant one, other"
        assert cache_status(live, "cached", "same/key.txt", cache_version="k")[1] == b"tenant one"
    assert cache_status(live, "cached", "same/key.txt", cache_version=f"new {live.variant.name}")[0] == "MISS"


def test_a_range_that_is_not_cached_goes_to_the_origin_and_is_not_cached(live: Live) -> None:
    """Without slices: of what the app gives no size for, or on an NGINX without the module."""
    body = bytes(range(256))
    live.places.origin.answer = lambda request: (
        Answer(status=206, headers=[("Content-Range", "bytes 0-3/256"), MAX_AGE], body=body[:4])
        if request.header("Range")
        else Answer(headers=[MAX_AGE, ("Accept-Ranges", "bytes")], body=body)
    )
    options = {"cache_version": f"cold {live.variant.name}", "size": 256}
    part = live.get("partner-cached", "cold", headers={"Range": "bytes=0-3"}, options=options)
    whole = live.get("partner-cached", "cold", options=options)
    again = live.get("partner-cached", "cold", headers={"Range": "bytes=4-7"}, options=options)
    assert (part.status, part.body) == (206, body[:4])
    assert (whole.status, whole.body) == (200, body)
    assert (again.status, again.body) == (206, body[4:8])
    assert [request.header("Range") for request in live.places.origin.requests] == ["bytes=0-3", None]


def test_an_origin_cannot_forbid_or_vary_an_entry(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        headers=[("Cache-Control", "private, no-store"), ("Set-Cookie", "a=b"), ("Vary", "*")], body=b"kept"
    )
    options = {"cache_version": f"forbid {live.variant.name}"}
    for _ in range(3):
        assert live.get("partner-cached", "x", options=options).body == b"kept"
    assert len(live.places.origin.requests) == 1


def test_an_error_is_not_kept(live: Live) -> None:
    options = {"cache_version": f"error {live.variant.name}"}
    live.places.origin.answer = lambda _: Answer(status=404)
    assert live.get("partner-cached", "x", options=options).status == 404
    live.places.origin.answer = lambda _: Answer(body=b"now it is there")
    assert live.get("partner-cached", "x", options=options).body == b"now it is there"


def test_each_request_asks_the_app_for_permission_also_on_a_hit(live: Live) -> None:
    """The app of the tests allows one session. Another one does not get the object that is cached."""
    asked = ("cached", "same/key.txt")
    options = {"cache_version": "asked"}
    hits = []
    for _ in range(2):
        reply, line = live.logged(*asked, options=options, session="hers", headers={"Cookie": "session=hers"})
        assert (reply.status, reply.body) == (200, b"tenant one")
        hits.append(line["cache"])
    assert hits == ["MISS", "HIT"]
    for headers in ({"Cookie": "session=his"}, {}):
        denied = live.get(*asked, options=options, session="hers", headers=headers)
        assert (denied.status, denied.body) == (403, b"not for you")
