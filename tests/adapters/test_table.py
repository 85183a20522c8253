"""Every adapter answers every request as the Django adapter does, behind a real NGINX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from browser_download_filename import suggested_filename

from tests.adapters.contenders import CONTENDERS, REFERENCE, Contender
from tests.adapters.scene import TABLE, Contest, send, validators
from tests.conftest import on_one_build
from tests.live.client import Reply

if TYPE_CHECKING:
    from xaccel_testing import Variant

pytestmark = on_one_build

GROUPS = list(dict.fromkeys(request["group"] for request in TABLE["requests"]))
PAGE_OF_THE_APP = ("Content-Disposition", "Content-Security-Policy", "X-Robots-Tag", "ETag", "Content-Range")


def seen(reply: Reply, contender: Contender) -> dict[str, Any]:
    """What must be the same: everything but the clock, and the name under which a browser saves."""
    headers = sorted((name.lower(), value) for name, value in reply.headers)
    added = contender.adds if reply.status in (304, 412) else ()
    headers = [(name, value) for name, value in headers if name not in {"date", *added}]
    saved = suggested_filename(reply.headers, platform="posix") if reply.status in (200, 206) else ""
    return {"status": reply.status, "headers": headers, "body": reply.body, "saved as": saved}


def of_the_app(reply: Reply, request: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same of a page that the app makes in its own way."""
    named = request.get("error", "").encode()
    return {
        "status": reply.status,
        "of a download": [name for name in PAGE_OF_THE_APP if reply.all(name)],
        "error": named.decode() if named in reply.body else reply.body,
    }


@pytest.fixture(scope="session")
def expected(contest: Contest, doors: Variant) -> Mapping[str, Any]:
    """What the reference answers, once for each variant."""
    door, found = contest.door(REFERENCE, doors), {}
    for request in TABLE["requests"]:
        words = contest.scene.words
        if request["group"] == "origin-conditions":
            words = {**words, **validators(contest, doors, request["download"])}
        found[request["group"], request["name"]] = (words, send(door, request, words))
    return found


@pytest.fixture(params=CONTENDERS, ids=lambda contender: contender.name)
def contender(request: pytest.FixtureRequest, unavailable: Callable[[str], NoReturn]) -> Contender:
    """Each adapter, and the Node app."""
    found: Contender = request.param
    if reason := found.missing():
        unavailable(reason)
    return found


def test_every_decision_is_asked_for() -> None:
    assert TABLE["decisions"].keys() == {request["download"] for request in TABLE["requests"]}


def requests_of(group: str) -> list[dict[str, Any]]:
    return [request for request in TABLE["requests"] if request["group"] == group]


@pytest.mark.parametrize("group", GROUPS)
def test_the_reference_answers_with_the_status_and_the_name_of_the_table(
    contest: Contest, expected: Mapping[Any, Any], group: str
) -> None:
    wrong = []
    for request in requests_of(group):
        _, reply = expected[group, request["name"]]
        got = (reply.status, suggested_filename(reply.headers, platform="posix"))
        wanted = (request["status"], request.get("saved_as", got[1]))
        if got != wanted:
            wrong.append(f"{request['name']}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("group", GROUPS)
def test_every_adapter_answers_as_the_django_adapter(
    contest: Contest, doors: Variant, expected: Mapping[Any, Any], contender: Contender, group: str
) -> None:
    door, wrong = contest.door(contender, doors), []
    for request in requests_of(group):
        words, reference = expected[group, request["name"]]
        reply = send(door, request, words)
        if request.get("app"):
            got, wanted = of_the_app(reply, request), of_the_app(reference, request)
        else:
            got, wanted = seen(reply, contender), seen(reference, contender)
        wrong += [
            f"{request['name']}: {part} {got[part]!r}, not {wanted[part]!r}"
            for part in wanted
            if got[part] != wanted[part]
        ]
        wrong += [
            f"{request['name']}: shows {trace!r}"
            for trace in contest.scene.traces
            if trace in reply.everything()
        ]
    assert not wrong, "\n".join(wrong)
