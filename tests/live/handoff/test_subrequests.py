"""A hostile backend in the app's own server, reached by mirror, SSI, auth_request and addition.

NGINX shares variables between a request and its subrequests. The tests look at what the client gets, what the origins
saw and what is logged, so that they hold for any configuration with these promises.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.live import gates, stand_in
from tests.live.conftest import build_of
from tests.live.handoff.hostile import (
    BODY,
    FORGED_ID,
    SECRET,
    STOLEN,
    TOKEN,
    Gate,
    Hostile,
    as_the_engine,
    in_page,
    included,
    page,
    redirects,
)
from tests.live.stage import line_where
from tests.servers.origin import Answer, Request
from xaccel import ObjectRef, Options, Sender
from xaccel.site.keys import nginx_token
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

ORIGINS = ("partner", "cached", "media", "archives", "granted")
both = pytest.mark.parametrize("protocol", ["h1", "h2"])
every_origin = pytest.mark.parametrize("origin", ORIGINS)
OPTIONS = {"cache_version": "1", "subject": "the user", "filename": "x.txt"}
FORGED = {
    "Xaccel-Type": "text/html",
    "Xaccel-Csp": "default-src *",
    "Xaccel-Disposition": "attachment; filename=evil.exe",
    "Xaccel-Cache-Control": "public",
    "Xaccel-Etag": '"of-the-backend"',
    "Xaccel-Subject": "nobody",
    "Xaccel-Size": "1",
    "Xaccel-Cache-Key": "0" * 64 + "-" + "0" * 64,
    "Xaccel-Id": FORGED_ID,
}
WITH_ADDITION = ("deb", "deb-njs")
"""The builds that have the module addition."""


@pytest.fixture
def hostile(server: Hostile) -> Iterator[Hostile]:
    server.reset()
    yield server
    server.reset()


def stealing(hostile: Hostile, origin: str) -> dict[str, str]:
    """The private headers for an object that nobody was let to have."""
    place = {"partner": "files", "cached": "cached", "granted": "granted"}.get(origin, "")
    is_archive = origin == stand_in.ARCHIVES
    url = stand_in.archive(hostile.stage.site, "stolen").url if is_archive else None
    return {**FORGED, "Xaccel-Url": str(url or f"{hostile.origin.url}/{place}/stolen")}


def entry(origin: str) -> str:
    return "/_xaccel/media/stolen" if origin == "media" else f"/_xaccel/{origin}"


def stolen(hostile: Hostile) -> list[str]:
    """What the origins were asked for that the app did not allow."""
    return [request.target for request in hostile.origin.requests if "stolen" in request.target]


def added(path: str) -> Any:
    """A way by the module addition, on the builds that have it."""
    return pytest.param(path, marks=pytest.mark.variants(*WITH_ADDITION))


def test_addition_is_tested_where_it_is_built_in(variant: Variant) -> None:
    assert ("addition" in build_of(variant).modules) == (variant.name in WITH_ADDITION)


# read (a, a2)


@both
@every_origin
def test_a_page_that_includes_a_download_gets_no_other_file(
    hostile: Hostile, origin: str, protocol: str
) -> None:
    """(a) The page of the backend includes a download that the app allows, then its own hand-off without the secret."""
    hostile.pages |= {
        "page": page(included(in_page(origin, **OPTIONS), "/b/steal")),
        "steal": redirects(entry(origin), stealing(hostile, origin)),
    }
    for _ in range(2):
        reply = hostile.ask(protocol, "/b/page")
        assert STOLEN not in reply.body
    assert len(hostile.stage.hand_offs) == 2
    assert stolen(hostile) == []


@both
@every_origin
@pytest.mark.parametrize("path", ["/mirrored", "/checked", added("/b/added")])
def test_no_other_subrequest_gets_a_file(hostile: Hostile, path: str, origin: str, protocol: str) -> None:
    """(a) The same by mirror, auth_request and addition."""
    steal = redirects(entry(origin), stealing(hostile, origin))
    hostile.pages |= {"sub": steal, "check": steal, "added/page": page("a page")}
    reply = hostile.ask(
        protocol, "/b/added/page" if path == "/b/added" else path + in_page(origin, **OPTIONS)
    )
    assert STOLEN not in reply.body
    hostile.settle()
    assert stolen(hostile) == []


@both
@pytest.mark.parametrize("origin", ["partner", "cached", "archives"])
def test_a_jump_to_a_named_location_fetches_nothing_in_a_page(
    hostile: Hostile, origin: str, protocol: str
) -> None:
    """(a2) Behind an included download the backend sends itself on once, and redirects as an origin would."""
    for name in hostile.named_locations:
        url = stealing(hostile, origin)["Xaccel-Url"]
        hostile.pages |= {
            "page": page(included(in_page(origin, **OPTIONS), "/b/first")),
            "first": redirects("/b/second"),
            "second": redirects(name, {"Xaccel-Url": url}, leads=url),
        }
        reply = hostile.ask(protocol, "/b/page")
        assert STOLEN not in reply.body, name
    assert len(hostile.stage.hand_offs) == len(hostile.named_locations)
    assert stolen(hostile) == []
    assert [one for one in hostile.backend.requests if one.header("Authorization") == TOKEN] == []


@both
@pytest.mark.parametrize("origin", ["partner", "cached", "archives"])
def test_a_jump_to_a_named_location_during_a_download_does_nothing(
    hostile: Hostile, origin: str, protocol: str
) -> None:
    """(a2, c) The download that is mirrored runs, arrives whole and has its own entry, whatever the backend enters."""
    for name in hostile.named_locations:
        url, gate = stealing(hostile, origin)["Xaccel-Url"], Gate(hostile)
        sent = {"X-Accel-Redirect": name, "Location": url, "Xaccel-Url": url, "Xaccel-Type": "text/html"}
        at = f"/_xaccel/{origin}"  # the address of an origin's location, in a location of the operator that rewrites
        hostile.pages |= {"sub": redirects(f"/c{at}"), at: gate.answers(302, sent)}
        hostile.origin_waits = gate.wait
        options = {**OPTIONS, "cache_version": f"{protocol}-{name}"}
        expect_the_download(hostile, protocol, origin, options)
    assert stolen(hostile) == []


@both
def test_a_jump_to_a_named_location_while_a_url_is_signed_does_nothing(
    hostile: Hostile, protocol: str
) -> None:
    """(a2, c) The app signs the URL of an object in a folder, and the mirrored backend enters each location."""
    site, at = hostile.stage.site, "/_xaccel/bucket/sign"
    sender, session = Sender(site), (("Cookie", f"sid=alice-0123456789-{protocol}"),)
    for number, name in enumerate(hostile.named_locations):
        folder, gate, url = f"{protocol}-{number}/", Gate(hostile), f"{hostile.origin.url}/bucket/stolen"

        def decides(request: Request, folder: str = folder) -> Answer:
            made = sender.hand_off(ObjectRef("bucket", f"{folder}x"), options=Options(grant=60))
            headers = {**dict(made.headers), **gates.grant(site, request, made, folder)}
            return Answer(headers=list(headers.items()))

        sent = {"X-Accel-Redirect": name, "Xaccel-Url": url, "Location": url}
        hostile.pages |= {
            f"/granted/{folder}x": decides,
            "sub": redirects(f"/c{at}"),
            at: gate.answers(200, sent),
        }
        hostile.signature_waits = gate.wait
        reply = hostile.ask(protocol, f"/granted/{folder}x", headers=session)
        assert (reply.status, reply.body) == (200, BODY), name
    assert stolen(hostile) == []
    signed = [request.target for request in hostile.origin.requests if "/bucket/" in request.target]
    assert len(signed) == len(hostile.named_locations)


@both
def test_a_direct_jump_to_a_named_location_is_refused(hostile: Hostile, protocol: str) -> None:
    """(a2) Without any download. Nor does NGINX ask the app, which would answer the client's own request."""
    hostile.pages |= {"/granted/closed": page(STOLEN.decode()), "/b/jump": page(STOLEN.decode())}
    for name in [*hostile.named_locations, "/_xaccel/.app"]:
        forged = {**stealing(hostile, "partner"), "Xaccel-Grant-Asked": "/granted/closed"}
        hostile.pages["jump"] = redirects(name, forged, leads=forged["Xaccel-Url"])
        reply = hostile.ask(protocol, "/b/jump")
        # 500: only the server for archives has a location of this name
        refusals = {"401": [502], "page": [502], "refused": [503]}
        assert reply.status in refusals.get(name.rpartition("_")[2], [404, 500]), name
        assert STOLEN not in reply.body
    assert hostile.origin.requests == []


@both
@pytest.mark.parametrize(
    ("first", "path"),
    [
        ("/b/x/stolen", "x/stolen"),
        # your own `rewrite` leads to the address of an origin
        ("/c/_xaccel/media/stolen", "/_xaccel/media/stolen"),
        # no origin has this address
        ("/_xaccel/none/stolen", "/_xaccel/none/stolen"),
    ],
)
def test_an_app_with_the_secret_sends_nothing_but_files_of_its_origins(
    hostile: Hostile, tmp_path: Path, first: str, path: str, protocol: str
) -> None:
    """(a2) It sends itself a request whose `$args` look like the engine's, then jumps with the secret."""
    (tmp_path / "stolen").write_bytes(STOLEN)
    foreign = hostile.backend.url
    settings = [
        f"origin=media sender=@xaccel_file root={tmp_path}",
        *(
            f"origin={name} sender={hostile.sender(name)} home={foreign} peer={foreign}"
            for name in ("partner", "archives")
        ),
    ]
    private = {"Xaccel-Auth": SECRET, "Xaccel-Id": FORGED_ID, "Xaccel-Url": f"{foreign}/b/file"}
    hostile.pages["file"] = page(STOLEN.decode())
    for name in hostile.named_locations:
        for args in {each for place in settings for each in as_the_engine("", place)}:
            hostile.pages |= {"jump": redirects(f"{first}?{args}"), path: redirects(name, private)}
            reply = hostile.ask(protocol, "/b/jump")
            assert reply.status >= 400, (name, args)
            assert STOLEN not in reply.body, (name, args)
    assert hostile.origin.requests == []
    assert [one for one in hostile.backend.requests if one.target == "/b/file"] == []


@both
def test_the_app_is_not_asked_for_an_origin_that_nginx_does_not_have(hostile: Hostile, protocol: str) -> None:
    hostile.pages |= {"jump": redirects("/_xaccel/none"), "/_xaccel/none": page("of the app")}
    assert hostile.ask(protocol, "/b/jump").status == 404


def confidential(hostile: Hostile) -> list[str]:
    """What no page and no log may have; the ticket of an archive begins with its name."""
    ticket = stand_in.ticket(hostile.stage.site, "rubbish").partition(".")[0]
    return [SECRET, nginx_token(SECRET), TOKEN, "AKIAHOSTILE", "X-Amz-Signature", "X-Amz-Credential", ticket]


@both
@pytest.mark.parametrize("origin", ["bucket", "archives"])
def test_a_page_cannot_show_the_secret_or_a_signed_url(hostile: Hostile, origin: str, protocol: str) -> None:
    """(a) SSI prints any variable of NGINX: after a download of the app's, and after a hand-off that is refused."""
    shown = "".join(f"{{<!--# echo var='{name}' encoding='none' -->}}" for name in hostile.variables)
    upstream = "".join(
        f"{{<!--# echo var='upstream_http_xaccel_{name}' encoding='none' -->}}" for name in ("auth", "url")
    )
    download, forge = included(in_page(origin, "rubbish", **OPTIONS)), included("/b/forge")
    parts = [download, shown, upstream, forge, shown, upstream]
    hostile.pages |= {
        "page": page("".join(parts)),
        "forge": redirects(entry(origin), FORGED),
    }
    body = hostile.ask(protocol, "/b/page").body
    assert body.count(b"{") == 2 * (len(hostile.variables) + 2)
    assert len(hostile.stage.hand_offs) == 1
    for trace in confidential(hostile):
        assert trace.encode() not in body, trace


# inject (b), hide and break (c)


def expect_the_download(
    hostile: Hostile, protocol: str, origin: str, options: dict[str, Any], key: str = "x"
) -> None:
    """Ask for a mirrored download, and find it as the app decided, with an entry of its own."""
    if origin in ("media", stand_in.ARCHIVES):  # NGINX knows no type
        options = {**options, "content_type": "text/plain"}
    before = len(hostile.stage.hand_offs)
    way = "" if origin == gates.GRANTED else "/mirrored"  # its location mirrors
    reply = hostile.ask(protocol, f"{way}{in_page(origin, key, **options)}")
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.one("Content-Type") == "text/plain"
    assert reply.one("Content-Disposition") == 'inline; filename="x.txt"'
    assert reply.one("Cache-Control") == "private, no-cache"
    assert "sandbox" in (reply.one("Content-Security-Policy") or "")
    assert reply.one("ETag") != '"of-the-backend"'
    [made] = hostile.stage.hand_offs[before:]
    line = line_where(hostile.stage.nginx, "id", made.event.transfer_id)
    expected = {"origin": origin, "subject": "the user", "status": "200", "why": "", "size": ""}
    assert {name: line[name] for name in expected} == expected
    assert line["body_bytes"] == len(BODY)
    assert line["completion"] == "OK"


@both
@pytest.mark.parametrize(
    ("moment", "origin"),
    [
        *(("before the app", origin) for origin in ORIGINS),
        *(("before the origin", origin) for origin in ORIGINS if origin != "media"),  # it is a directory
    ],
)
def test_a_mirrored_backend_changes_nothing_of_a_download(
    hostile: Hostile, moment: str, origin: str, protocol: str
) -> None:
    """(b, c) Its hand-off without the secret comes before the app's, or while the origin is asked."""
    for number in range(5):
        gate = Gate(hostile)
        sent = stealing(hostile, origin)
        hostile.pages["sub"] = gate.answers(200, {"X-Accel-Redirect": entry(origin), **sent})
        hostile.app_waits = gate.wait if moment == "before the app" else lambda: None
        hostile.origin_waits = gate.wait if moment == "before the origin" else lambda: None
        expect_the_download(
            hostile, protocol, origin, {**OPTIONS, "cache_version": f"{moment}-{protocol}-{number}"}
        )
    assert stolen(hostile) == []


@both
@pytest.mark.parametrize("origin", ["partner", "cached"])
def test_a_redirect_that_is_followed_is_the_downloads_own(
    hostile: Hostile, origin: str, protocol: str
) -> None:
    """(b, c) Between the origin's redirect and the next step the backend hands off to another origin."""
    gate = Gate(hostile)
    other = "cached" if origin == "partner" else "partner"
    sent = stealing(hostile, other)
    hostile.pages["sub"] = gate.answers(200, {"X-Accel-Redirect": entry(other), **sent})
    hostile.origin_waits = gate.wait
    expect_the_download(hostile, protocol, origin, {**OPTIONS, "cache_version": protocol}, "moved")
    asked = [request.header("Authorization") for request in hostile.origin.requests]
    assert set(asked) == ({TOKEN} if origin == "partner" else {None})


@both
def test_slices_arrive_whole_beside_a_jump_to_their_end(hostile: Hostile, protocol: str) -> None:
    """(c) A mirrored backend enters each named location while later slices are fetched."""
    for name in hostile.named_locations:
        gate = Gate(hostile)
        hostile.pages |= {
            "sub": redirects("/c/_xaccel/cached"),
            "/_xaccel/cached": gate.answers(302, {"X-Accel-Redirect": name, "Location": "x"}),
        }
        seen: list[int] = []

        def second_waits(seen: list[int] = seen, gate: Gate = gate) -> None:
            seen.append(1)
            if len(seen) == 2 or "slice" not in build_of(hostile.stage.variant).modules:
                gate.wait()

        hostile.origin_waits = second_waits
        options = {**OPTIONS, "cache_version": f"slices-{protocol}-{name}"}
        expect_the_download(hostile, protocol, "cached", options)


@both
@pytest.mark.parametrize("origin", ["partner", "cached", "archives"])
def test_a_backend_that_knows_the_origins_part_of_the_id_changes_nothing(
    hostile: Hostile, origin: str, protocol: str
) -> None:
    """(a, c) The User-Agent has most of the id, and the log of the origin may show it to the backend."""
    for name in hostile.named_locations:
        told: list[str] = []
        known, gate, url = threading.Event(), Gate(hostile), stealing(hostile, origin)["Xaccel-Url"]
        at = f"/_xaccel/{origin}"

        def sub(request: Request, known: threading.Event = known, told: list[str] = told) -> Answer:
            assert known.wait(60)
            return redirects(f"/c{at}?{told[0]}")(request)  # noqa: B023

        def origin_waits(known: threading.Event = known, told: list[str] = told, gate: Gate = gate) -> None:
            if not known.is_set():
                told.append((hostile.origin.requests[-1].header("User-Agent") or "").rpartition("=")[2])
                known.set()
                gate.wait()

        hostile.pages |= {"sub": sub, at: gate.answers(302, {"X-Accel-Redirect": name, "Location": url})}
        hostile.origin_waits = origin_waits
        expect_the_download(
            hostile, protocol, origin, {**OPTIONS, "cache_version": f"known-{protocol}-{name}"}
        )
        assert told[0]
    assert stolen(hostile) == []


# mix (d)


@both
def test_a_page_of_two_downloads_mixes_nothing_in_the_cache(hostile: Hostile, protocol: str) -> None:
    """(d) The second has no identity, so it may not be cached: under the empty key the next user would get it."""
    for user in ("alice", "bob"):
        first = in_page("cached", f"{protocol}-{user}-first", cache_version=f"{protocol}-{user}")
        hostile.pages[user] = page(included(first, in_page("cached", f"{protocol}-{user}-second")))
    hostile.ask(protocol, "/b/alice")
    assert b"alice" not in hostile.ask(protocol, "/b/bob").body
    direct = hostile.ask(protocol, in_page("cached", f"{protocol}-bob-second"))
    assert direct.body == f"the object {protocol}-bob-second".encode()


# logs (e)


@both
@pytest.mark.parametrize("origin", ["bucket", "archives"])
def test_no_log_has_a_signed_url_of_a_subrequest(hostile: Hostile, origin: str, protocol: str) -> None:
    """(e) The origin of an included download answers without HTTP: NGINX's own message holds the URL."""
    asked = in_page(origin, "rubbish", **OPTIONS)
    hostile.pages["page"] = page(included(asked))
    hostile.ask(protocol, "/b/page")
    if hostile.stage.variant.name in WITH_ADDITION:
        hostile.pages["/appended/send"] = page("a page")
        hostile.ask(protocol, f"/appended{asked}")
    hostile.ask(protocol, f"/entered{asked}")
    if origin == stand_in.ARCHIVES:  # the member fails, and has an entry in members.log
        with contextlib.suppress(HTTPException):
            hostile.ask(protocol, asked)
    hostile.settle()
    logs = list(hostile.stage.nginx.directory.glob("*.log"))
    assert len(logs) >= 3
    for log in logs:
        for trace in confidential(hostile):
            assert trace not in log.read_text(), trace


WAYS = {"ssi": "/b/page", "mirror": "/twice", "auth_request": "/entered", "addition": "/appended"}


@both
@every_origin
@pytest.mark.parametrize("way", ["ssi", "mirror", "auth_request", added("addition")])
def test_a_download_in_a_subrequest_is_right_or_refused_with_a_reason(
    hostile: Hostile, way: str, origin: str, protocol: str
) -> None:
    """(e) Each hand-off of the app has an entry with its id: a transfer that ended well, or a refusal that says why."""
    asked = in_page(origin, **OPTIONS)
    hostile.pages["page"] = page(included(asked))
    hostile.pages[f"/appended{asked.partition('?')[0]}"] = page("a page")
    count = 2 if way == "mirror" else 1

    def logged() -> bool:
        made = {one.event.transfer_id for one in hostile.stage.hand_offs}
        return sum(bool(hostile.stage.nginx.lines(containing=id_)) for id_ in made) == count

    path = WAYS[way] if way == "ssi" else WAYS[way] + asked
    reply = hostile.ask(protocol, path, until=lambda: wait_until(logged, timeout_s=60))
    made = list(hostile.stage.hand_offs)
    lines = [line_where(hostile.stage.nginx, "id", one.event.transfer_id) for one in made]
    assert {(line["origin"], line["subject"]) for line in lines} == {(origin, "the user")}
    ends = sorted((line["status"], line["why"], line["body_bytes"]) for line in lines)
    if way == "mirror":
        assert (reply.status, reply.body) == (200, BODY)
        assert ends[0] == ("200", "", len(BODY))
        ends = ends[1:]
    assert ends == [("404", "subrequest", 0)]
    assert way == "mirror" or BODY not in reply.body


def test_each_forged_hand_off_has_an_entry_with_the_reason(hostile: Hostile) -> None:
    """(e) In a subrequest too, and with the id that was forged."""
    before = len(hostile.stage.nginx.lines())
    hostile.pages |= {
        "page": page(included("/b/steal")),
        "steal": redirects(entry("partner"), stealing(hostile, "partner")),
    }
    hostile.ask("h1", "/b/page")
    hostile.ask("h1", "/b/steal")

    def found() -> list[dict[str, Any]]:
        return hostile.stage.nginx.lines()[before:]

    assert wait_until(lambda: len(found()) == 2, timeout_s=60), found()
    expected = {"id": FORGED_ID, "why": "forged", "status": "404", "origin": "partner", "subject": "nobody"}
    assert [{name: line[name] for name in expected} for line in found()] == [expected] * 2


def test_a_page_of_the_app_is_what_it_is(hostile: Hostile) -> None:
    """What is no download is mirrored, checked and included as ever."""
    hostile.pages |= {
        "sub": page("m"),
        "check": lambda _: Answer(status=204),
        "page": page(included("/page")),
    }
    for path in ("/mirrored/page", "/checked/page", "/b/page"):
        reply = hostile.ask("h1", path)
        assert (reply.status, b"an ordinary page" in reply.body) == (200, True), path


@both
@every_origin
def test_a_checked_download_arrives(hostile: Hostile, origin: str, protocol: str) -> None:
    """auth_request in front of the app works as ever, whatever the backend that checks sends beside its 204."""
    sent = stealing(hostile, origin)
    hostile.pages["check"] = lambda _: Answer(status=204, headers=list(sent.items()))
    reply = hostile.ask(protocol, "/checked" + in_page(origin, **OPTIONS))
    assert (reply.status, reply.body) == (200, BODY)
    [made] = hostile.stage.hand_offs
    assert line_where(hostile.stage.nginx, "id", made.event.transfer_id)["why"] == ""
