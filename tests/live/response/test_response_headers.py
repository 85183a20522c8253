"""Headers that reach the user: the app's once, and none of the storage."""

from __future__ import annotations

import pytest

from docs.generated.engine import hidden_headers
from tests.conftest import on_all_builds
from tests.live.client import KNOWN
from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel.handoff.headers import BY_TYPE, SANDBOX

pytestmark = on_all_builds


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "headers.txt", b"x" * 100, "text/plain")
    places.s3.client().put_object(
        Bucket=places.bucket, Key="meta.txt", Body=b"x" * 100, Metadata={"owner": "somebody"}
    )
    (places.media / "headers.txt").write_bytes(b"x" * 100)


@pytest.mark.parametrize("origin", ["documents", "vhost", "cached", "partner", "tls", "media"])
def test_each_header_is_sent_once_and_is_listed(live: Live, origin: str) -> None:
    for _ in range(2):
        reply = live.get(origin, "headers.txt", options={"cache_version": "1", "as_attachment": True})
        names = [name.lower() for name, _ in reply.headers]
        assert reply.status == 200
        assert sorted(set(names)) == sorted(names)
        assert set(names) <= KNOWN
        assert reply.one("Content-Type") == "text/plain"
        assert reply.one("Content-Disposition") == 'attachment; filename="headers.txt"'
        assert reply.one("Cache-Control") == "private, no-cache"
        assert reply.one("X-Content-Type-Options") == "nosniff"


def test_what_the_app_says_wins(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        headers=[
            ("Content-Type", "text/html"),
            ("Content-Disposition", "attachment; filename=evil.exe"),
            ("Cache-Control", "public, max-age=999"),
            ("Expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("Content-Security-Policy", "default-src *"),
            ("X-Robots-Tag", "all"),
        ],
        body=b"x",
    )
    options = {
        "content_type": "application/pdf",
        "filename": "bericht.pdf",
        "cache_control": "private, max-age=60",
        "content_security_policy": "sandbox",
        "headers": {"x-robots-tag": "noindex"},
    }
    reply = live.get("partner", "x", options=options)
    assert reply.one("Content-Type") == "application/pdf"
    assert reply.one("Content-Disposition") == 'inline; filename="bericht.pdf"'
    assert reply.one("Cache-Control") == "private, max-age=60"
    assert reply.one("Expires") is None
    assert reply.one("Content-Security-Policy") == "sandbox"
    assert reply.one("X-Robots-Tag") == "noindex"


def test_cookies_of_the_origin_go_and_those_of_the_app_stay(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(headers=[("Set-Cookie", "sid=evil")], body=b"x")
    reply = live.get("partner", "x", cookie="good")
    assert [value.partition(";")[0] for value in reply.all("Set-Cookie")] == ["fresh=good"]


def test_every_header_on_the_published_list_is_hidden(live: Live) -> None:
    skipped = {"content-type", "content-disposition", "cache-control", "trailer"}
    hidden = [name for names in hidden_headers().values() for name in names if name.lower() not in skipped]
    assert {"Login-Status", "TE", "Upgrade", "Priority", "Authentication-Info"} <= set(hidden)
    live.places.origin.answer = lambda _: Answer(headers=[(name, "leaked") for name in hidden], body=b"x")
    reply = live.get("partner", "x")
    assert reply.status == 200
    assert b"leaked" not in reply.everything()


def test_unknown_headers_pass_only_without_njs(live: Live) -> None:
    """Stock NGINX has no allow-list; the printed text says so (README and SECURITY too)."""
    unknown = ["X-Never-Heard-Of", "Xaccel-Header-X-Robots-Tag"]
    live.places.origin.answer = lambda _: Answer(headers=[(name, "leaked") for name in unknown], body=b"x")
    reply = live.get("partner", "x")
    assert [reply.one(name) for name in unknown] == [None if live.variant.njs else "leaked"] * 2
    assert reply.one("X-Robots-Tag") is None
    metadata = live.get("documents", "meta.txt").one("x-amz-meta-owner")
    assert metadata == (None if live.variant.njs else "somebody")


def test_an_origin_cannot_steer_nginx(live: Live) -> None:
    for steering in (
        ("X-Accel-Redirect", "/page"),
        ("X-Accel-Redirect", "/_xaccel/media/headers.txt"),
        ("X-Accel-Redirect", "@xaccel_page"),
        ("X-Accel-Limit-Rate", "1"),
        ("X-Accel-Buffering", "no"),
        ("X-Accel-Charset", "koi8-r"),
        ("X-Accel-Expires", "1000"),
    ):
        live.places.origin.answer = lambda _, pair=steering: Answer(headers=[pair], body=b"the origin's")
        reply = live.get("partner", "x", options={"content_type": "text/plain"})
        assert (reply.status, reply.body) == (200, b"the origin's"), steering
        assert not any(name.lower().startswith("x-accel") for name, _ in reply.headers)
        assert reply.one("Content-Type") == "text/plain"


@pytest.mark.parametrize(
    ("content_type", "policy"),
    [
        ("text/html; charset=utf-8", SANDBOX),
        ("image/svg+xml", SANDBOX),
        ("audio/ogg", BY_TYPE[0][1]),
        ("application/PDF; x=y", BY_TYPE[1][1]),
    ],
)
def test_the_policy_follows_the_type_of_app_or_storage(live: Live, content_type: str, policy: str) -> None:
    live.places.origin.answer = lambda _: Answer(headers=[("Content-Type", content_type)], body=b"x")
    by_origin = live.get("partner", "x")
    by_app = live.get("partner", "x", options={"content_type": content_type})
    assert by_origin.one("Content-Security-Policy") == by_app.one("Content-Security-Policy") == policy


def test_a_site_that_declares_a_resource_policy_sends_its_own(live: Live) -> None:
    """xaccel sends none by default (docs/background/decisions.md), and hides the origin's."""
    name = "Cross-Origin-Resource-Policy"
    live.places.origin.answer = lambda _: Answer(headers=[(name, "cross-origin")], body=b"x")
    assert live.get("partner", "x").one(name) is None
    own = live.get("partner", "x", options={"headers": {name: "same-site"}})
    assert own.one(name) == "same-site"


def test_a_name_cannot_add_a_header(live: Live) -> None:
    for name in ("a%0d%0aSet-Cookie: x=1.txt", 'q".txt; filename=evil.exe', "a;b\u2028"):
        if "\u2028" in name:
            assert live.get("partner", "x", options={"filename": name}).status == 404
            continue
        reply = live.get("partner", "x", options={"filename": name})
        assert reply.one("Set-Cookie") is None
        assert reply.one("Content-Disposition") is not None


def test_an_object_without_a_type_has_none(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(body=b"x")
    reply = live.get("partner", "x")
    assert reply.one("Content-Type") is None
    assert reply.one("Content-Security-Policy") == SANDBOX
