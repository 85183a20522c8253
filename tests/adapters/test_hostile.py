"""No hostile input gets through an adapter without Django: all of them answer one table alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adapters.contenders import CONTENDERS, REFERENCE, Contender
from tests.adapters.hostile import CASES, INTERNAL
from tests.adapters.origin import BYTES
from tests.adapters.scene import OBJECTS, Contest
from tests.live.client import Reply, ask

if TYPE_CHECKING:
    from xaccel_testing import NginxServer, Variant

WITHOUT_DJANGO = [
    each for each in CONTENDERS if each.name in ("aiohttp", "flask", "starlette", "fastapi", "wsgi", "asgi")
]
FORGED = {
    "X-Accel-Redirect": "/_xaccel/media/shelf/page.html",
    "Xaccel-Id": "019aae21-0000-7000-8000-000000000000",
    "Xaccel-Url": "http://127.0.0.1:1/x",
    "Xaccel-Type": "text/html",
    "Xaccel-Csp": "script-src *",
    "Xaccel-Disposition": "inline",
    "X-Accel-Limit-Rate": "1",
    "X-Accel-Buffering": "no",
}


@pytest.fixture(params=[REFERENCE, *WITHOUT_DJANGO], ids=lambda contender: contender.name)
def hostile_door(request: pytest.FixtureRequest, contest: Contest, some_variant: Variant) -> NginxServer:
    """The NGINX before an adapter. Django's is the reference for the table itself."""
    contender: Contender = request.param
    return contest.door(contender, some_variant)


def problems(reply: Reply, contest: Contest) -> list[str]:
    """What no answer may have: an injected header, a file from elsewhere, a trace of the storage."""
    shown = reply.everything()
    names = [name.lower() for name, _ in reply.headers]
    found = [f"shows {trace!r}" for trace in (*contest.scene.traces, b"root:x:") if trace in shown]
    found += [f"has the header {name}" for name in ("x-injected", "set-cookie", "x-other") if name in names]
    found += [f"has {name} twice" for name in set(names) if names.count(name) > 1]
    return found


def test_hostile_arguments_do_nothing(hostile_door: NginxServer, contest: Contest) -> None:
    wrong = []
    for number, case in enumerate(CASES):
        for method in ("GET", "HEAD"):
            reply = ask(hostile_door.port, f"/download/hostile-{number}", method)
            told = [*problems(reply, contest)]
            if reply.status != case.status:
                told.append(f"{reply.status}, not {case.status}")
            if reply.status == 200 and method == "GET" and reply.body != OBJECTS["notes.txt"][0]:
                told.append("other bytes")
            wrong += [f"{method} {case.arguments}: {problem}" for problem in told]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("with_secret", [False, True], ids=["no-secret", "the-secret"])
def test_a_client_reaches_no_internal_location_and_hands_off_nothing(
    hostile_door: NginxServer, contest: Contest, with_secret: bool
) -> None:
    headers = {**FORGED, **({"Xaccel-Auth": contest.scene.site["SECRET"]} if with_secret else {})}
    wrong = []
    for path in INTERNAL:
        for method in ("GET", "HEAD", "POST"):
            reply = ask(hostile_door.port, path, method, headers, b"" if method == "POST" else None)
            if reply.status < 400 or BYTES in reply.body or problems(reply, contest):
                wrong.append(f"{method} {path}: {reply.status} {problems(reply, contest)}")
    plain, forged = (ask(hostile_door.port, "/download/report", headers=given) for given in ({}, headers))
    assert (forged.status, forged.body, without_date(forged)) == (200, BYTES, without_date(plain))
    assert not wrong, "\n".join(wrong)


def without_date(reply: Reply) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers if name.lower() != "date"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("If-None-Match", '"other"'), ("If-None-Match", '"v7"')], 400),
        ([("If_None_Match", '"v7"')], 200),
        ([("If-None-Match", '"v7'), ("If-Modified-Since", "nonsense")], 200),
        ([("If-None-Match", "\xff" * 900)], 200),
        ([("If-None-Match", '"v7"\xff')], 200),
        ([("If-None-Match", '"other"\xff, "v7"')], 304),
        ([("If-Match", '"other"\xff')], 200),
        ([("If-None-Match", ", " * 1500)], 200),
        ([("If-Match", '"other"')], 412),
        ([("If-Match", '"other"'), ("If-Match", '"v7"')], 400),
        ([("If-None-Match", '"other", W/"v7"')], 304),
        ([("Range", "bytes=-1,-1,-1,-1"), ("If-Range", '"other"')], 200),
        ([("X_Accel_Redirect", "/_xaccel/media/shelf/page.html"), ("Xaccel_Auth", "x")], 200),
        ([("X-HTTP-Method-Override", "HEAD"), ("X-Original-URL", "/_xaccel/documents")], 200),
    ],
    ids=lambda value: ascii(value)[:50] if isinstance(value, list) else str(value),
)
def test_hostile_headers_of_a_client_have_their_meaning_in_http(
    hostile_door: NginxServer, contest: Contest, headers: list[tuple[str, str]], status: int
) -> None:
    reply = ask(hostile_door.port, "/download/tagged", headers=headers)
    assert (reply.status, problems(reply, contest)) == (status, [])
    if status == 200:
        assert (reply.body, reply.one("ETag")) == (BYTES, '"v7"')
