"""RedirectMiddleware and NGINX alone have one meaning: the user and the log get the same of each redirect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.client import Reply
from tests.live.redirects.scene import Scene, in_the_app
from xaccel_testing import S3Server, Variant

APPS = ["wsgi", "asgi", "django", "adjango", "aiohttp"]
FRAMING = {"content-type", "content-length", "transfer-encoding"}
"""What each server says in its own way of a response that passes."""
SAID = ("origin", "subject", "status", "body_bytes", "why", "note", "method")


@pytest.fixture(scope="module", params=APPS)
def app(
    request: pytest.FixtureRequest,
    variant: Variant,
    s3: S3Server,
    by_nginx: Scene,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp(request.param)
    with in_the_app(folder, variant, by_nginx, request.param) as running:
        yield running


def redirects_of(scene: Scene) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    shown = 'inline; filename="a.txt"'
    signed = scene.url()
    missing = scene.url("no such key")
    return {
        "signed": (302, [("Location", signed), ("X-User", "ann"), ("X-Robots-Tag", "none")]),
        "permanent": (308, [("Location", signed), ("Set-Cookie", "a=1"), ("Vary", "Accept")]),
        "of an unnamed user": (303, [("Location", signed)]),
        "a user who cannot be told": (302, [("Location", signed), ("X-User", "é" * 3)]),
        "named": (302, [("Location", signed), ("Content-Disposition", shown), ("Cache-Control", "no-store")]),
        "named by the storage": (
            302,
            [("Location", scene.url(ResponseContentDisposition=shown, ResponseCacheControl="private"))],
        ),
        "public": (302, [("Location", signed), ("Cache-Control", "public, max-age=9"), ("Expires", "0")]),
        "missing": (302, [("Location", missing)]),
        "signed for HEAD": (302, [("Location", scene.url(method="HEAD"))]),
        "unsigned server": (302, [("Location", f"{scene.partner.url}/shared/a?x=1")]),
        "another bucket": (302, [("Location", scene.url(bucket=scene.other))]),
        "dots": (302, [("Location", f"{scene.partner.url}/shared/../other")]),
        "login": (302, [("Location", "/login"), ("Set-Cookie", "a=1")]),
        "page": (200, [("X-Robots-Tag", "none")]),
    }


def seen(scene: Scene, answer: Any, method: str, headers: dict[str, str]) -> tuple[Any, ...]:
    """What the user and the log get, without what differs from one request to the next."""
    before = len(scene.nginx.lines(containing='"v":1'))
    said = {"X-Answer": json.dumps(answer), **headers}
    reply: Reply = scene.ask(method=method, headers=said)
    # Django says the path of a cookie too
    left = {(name.lower(), value.split("; ")[0]) for name, value in reply.headers}
    is_download = reply.status not in (302, 303, 308) and answer[0] != 200
    entry = scene.entries(before + 1)[-1] if is_download else {}
    if "note" in entry:
        # only the app can say which query selected the content
        entry["note"] = re.sub(r"&query=[^&]+", "", entry["note"])
    own = {"date", "connection", "server"} | (set() if is_download else FRAMING)
    left = {pair for pair in left if pair[0] not in own}
    return reply.status, reply.body, sorted(left), {name: entry.get(name) for name in SAID}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_both_forms_have_one_meaning(by_nginx: Scene, app: Scene, method: str) -> None:
    followed = 0
    for name, answer in redirects_of(by_nginx).items():
        for headers in ({}, {"Range": "bytes=5-9"}):
            one, other = (seen(scene, answer, method, headers) for scene in (by_nginx, app))
            assert other == one, (name, headers)
            followed += one[0] in (200, 206) and name != "page"
    assert followed == (0 if method == "POST" else 16)
