"""A redirect below an origin becomes a download; everything else that the app says passes as it is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.live.redirects.scene import BODY, KEY, Scene, scene
from tests.servers.origin import Answer
from xaccel_testing import S3Server, Variant


def test_a_redirect_to_a_signed_url_becomes_a_download(redirects: Scene) -> None:
    before = len(redirects.nginx.lines(containing='"v":1'))
    redirects.redirects(
        redirects.url(),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-User", "ann"),
        ("X-Robots-Tag", "none"),
    )
    reply = redirects.ask(
        headers={"Range": "bytes=10-19", "Cookie": "session=1", "Authorization": "Bearer t"}
    )
    assert (reply.status, reply.body) == (206, BODY[10:20])
    assert reply.all("Set-Cookie") == ["a=1", "b=2"]
    assert reply.one("X-Robots-Tag") == "none"
    assert reply.one("Content-Type") == "application/x-ours"
    assert reply.one("Cache-Control") == "private, no-cache"
    for trace in (b"X-Amz", b"s3", b"redirects-", b"X-User", b"Xaccel", b"Location"):
        assert trace.lower() not in reply.everything()[: -len(BODY[10:20])].lower(), trace
    asked = redirects.app.requests[-1]
    assert (asked.header("Host"), asked.header("Cookie")) == (f"127.0.0.1:{redirects.port}", "session=1")
    assert asked.header("X-Forwarded-For") == "127.0.0.1"
    assert asked.header("Xaccel-Nginx-Token") is None  # the app may be anybody's
    [entry] = redirects.entries(before + 1)[before:]
    said = {name: entry[name] for name in ("origin", "subject", "status", "body_bytes", "why", "note")}
    key = quote(KEY, safe="/~")
    note = f"decision:key={key}&reason=redirect"
    assert said == {
        "origin": "documents",
        "subject": "ann",
        "status": "206",
        "body_bytes": 10,
        "why": "",
        "note": note,
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_each_redirect_is_followed(redirects: Scene, status: int) -> None:
    redirects.redirects(redirects.url(), status=status)
    assert (redirects.ask().body, redirects.ask(method="HEAD").status) == (BODY, 200)


def test_a_url_of_signature_version_2_is_followed_too(redirects: Scene) -> None:
    place = {"Bucket": redirects.bucket, "Key": KEY}
    redirects.redirects(redirects.s3.client().generate_presigned_url("get_object", place))
    assert redirects.ask().body == BODY


def test_head_has_the_length_of_the_object(redirects: Scene) -> None:
    redirects.redirects(redirects.url())
    reply = redirects.ask(method="HEAD")
    assert (reply.status, reply.one("Content-Length"), reply.body) == (200, str(len(BODY)), b"")


def test_without_a_subject_the_note_says_so(redirects: Scene) -> None:
    before = len(redirects.nginx.lines(containing='"v":1'))
    redirects.redirects(redirects.url())
    redirects.ask()
    [entry] = redirects.entries(before + 1)[before:]
    assert (entry["subject"], entry["note"][-24:]) == ("", "of%20an%20unnamed%20user")


def test_what_the_app_and_the_signed_url_say_of_the_file_is_kept(redirects: Scene) -> None:
    shown = 'inline; filename="a.txt"'
    redirects.redirects(
        redirects.url(ResponseContentDisposition=shown, ResponseCacheControl="private, max-age=60")
    )
    reply = redirects.ask()
    assert (reply.one("Content-Disposition"), reply.one("Cache-Control")) == (shown, "private, max-age=60")
    given = [("Content-Disposition", shown), ("Cache-Control", "no-store"), ("Expires", "0")]
    redirects.redirects(redirects.url(ResponseContentType="text/x-other"), *given)
    reply = redirects.ask()
    assert [reply.one(name) for name, _ in given] == [shown, "no-store", None]
    assert reply.one("Content-Type") == "text/x-other"


def test_what_is_stored_with_the_object_does_not_say_who_may_cache_it(redirects: Scene) -> None:
    stored = {
        "CacheControl": "public, max-age=86400",
        "ContentDisposition": 'attachment; filename="stored.bin"',
    }
    redirects.s3.client().put_object(Bucket=redirects.bucket, Key="stored", Body=BODY, **stored)
    redirects.redirects(redirects.url("stored"))
    reply = redirects.ask()
    assert reply.one("Cache-Control") == "private, no-cache"
    assert reply.one("Content-Disposition") == stored["ContentDisposition"]


def test_a_server_whose_urls_need_no_signature(redirects: Scene) -> None:
    redirects.redirects(f"{redirects.partner.url}/shared/a?x=1")
    assert redirects.ask().body == BODY
    redirects.redirects(f"{redirects.partner.url}/other/a")
    assert redirects.ask().status == 302


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_all_else_passes_as_it_is(redirects: Scene, method: str) -> None:
    signed = redirects.url()
    said = {
        "/files/login": Answer(
            302, [("Location", "/login?next=/files/a"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        ),
        "/files/evil": Answer(302, [("Location", signed.replace("127.0.0.1", "127.0.0.2"))], b"there"),
        "/files/other": Answer(302, [("Location", redirects.url(bucket=redirects.other))]),
        "/files/unsigned": Answer(302, [("Location", signed.partition("?")[0])]),
        "/files/page": Answer(
            200,
            [
                ("Cache-Control", "max-age=5"),
                ("Expires", "0"),
                ("Content-Disposition", "inline"),
                ("ETag", '"e"'),
            ],
            b"page",
        ),
        "/files/created": Answer(201, [("Location", signed)], b"made"),
        "/files/missing": Answer(404, [("X-Robots-Tag", "none")], b"missing"),
        "/files/broken": Answer(500, [], b"broken"),
        "/files/unauthorized": Answer(401, [("WWW-Authenticate", 'Basic realm="r"')], b"who"),
    }
    if method == "POST":
        said["/files/posted"] = Answer(303, [("Location", signed)])
    redirects.pages |= {path: lambda request, answer=answer: answer for path, answer in said.items()}
    for path, answer in said.items():
        reply = redirects.ask(path, method, body=b"form" if method == "POST" else None)
        assert reply.status == answer.status, path
        assert reply.body == answer.body
        expected = [(name, value) for name, value in answer.headers]
        passed = [pair for pair in reply.headers if pair[0] in {name for name, _ in expected}]
        assert sorted(passed) == sorted(expected), path
        assert not [name for name, _ in reply.headers if name.lower().startswith("xaccel")], path
        if method == "POST":
            assert redirects.app.requests[-1].body == b"form"


def test_a_hand_off_of_the_apps_own_leads_to_no_origin(redirects: Scene) -> None:
    """Not even a hostile app gets the secret added to it."""
    signed = redirects.url()
    for target in ("/_xaccel/documents", "/%5Fxaccel/documents", "@xaccel_fetch", "@xaccel_accept"):
        own = [
            ("X-Accel-Redirect", target),
            ("Xaccel-Url", signed),
            ("Xaccel-Id", "0" * 36),
            ("Location", signed),
        ]
        redirects.redirects(signed, *own[:3])
        assert redirects.ask().status == 404, target


def test_private_headers_of_the_app_decide_nothing(redirects: Scene) -> None:
    hostile = {
        "Xaccel-Url": redirects.url(bucket=redirects.other),
        "Xaccel-Cache-Key": "a-b",
        "Xaccel-Type": "text/html",
    }
    hostile |= {
        "Xaccel-Subject": "eve",
        "Xaccel-Size": "1",
        "Xaccel-Rate": "1",
        "Xaccel-Auth": "x",
        "Xaccel-Note": "n",
    }
    redirects.redirects(redirects.url(), *hostile.items(), ("X-User", "ann"))
    reply = redirects.ask()
    assert (reply.status, reply.body, reply.one("Content-Type")) == (200, BODY, "application/x-ours")
    assert redirects.entries(1)[-1]["subject"] == "ann"


def test_an_app_that_is_away_is_502_without_a_word_of_the_storage(redirects: Scene) -> None:
    redirects.pages["/files/a"] = lambda _: Answer(raw=b"")
    assert redirects.ask().status == 502


def test_a_url_that_is_signed_for_head_is_requested_by_head(
    variant: Variant, s3: S3Server, tmp_path: Path
) -> None:
    with scene(tmp_path, variant, s3, head_signed_for="HEAD") as made:
        made.pages["/files/a"] = lambda request: Answer(302, [("Location", made.url(method=request.method))])
        assert made.ask().body == BODY
        reply = made.ask(method="HEAD")
        assert (reply.status, reply.one("Content-Length")) == (200, str(len(BODY)))


def test_two_secrets_while_they_rotate(variant: Variant, s3: S3Server, tmp_path: Path) -> None:
    with scene(tmp_path, variant, s3, site={"SECRET": ["a" * 40, "b" * 40]}) as made:
        made.redirects(made.url())
        assert made.ask().body == BODY
