"""What NGINX gets of a view's own refusal of an upload."""

from __future__ import annotations

import json

import pytest

from tests.unit.features.uploads.sites import SECRET, site
from xaccel.features.uploads.own_refusal import refuse_as_the_view
from xaccel.handoff.headers import Answer

TEXT, HTML, JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"


def refusal(status: int, kind: str, body: str | bytes, **more: str) -> Answer | None:
    headers = [("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in more.items())]
    return refuse_as_the_view(site(), status, headers, body.encode() if isinstance(body, str) else body)


def headers(answer: Answer | None) -> dict[str, str]:
    assert answer is not None
    named = dict(answer.headers)
    assert (named.pop("Xaccel-Auth"), named.pop("Content-Length"), answer.body) == (SECRET, "0", b"")
    assert all(value.isprintable() or not value.isascii() for value in named.values())
    return named


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (TEXT, "The folder is closed", "The folder is closed"),
        (HTML, "The folder is closed", "The folder is closed"),
        (HTML, "<h1>Closed</h1>", None),
        (TEXT, "two\r\nlines\x00\x1b[2J", "two lines[2J"),
        (TEXT, 'a "name" \\ b', "a 'name' / b"),
        (TEXT, "\u202egnp.exe", "gnp.exe"),
        (TEXT, b"\xff", "\ufffd"),
        (TEXT, "ü" * 400, "ü" * 250),
        (TEXT, "", None),
        (TEXT, "Conflict\n", None),
        ("application/octet-stream", "The folder is closed", None),
        ("", "The folder is closed", None),
    ],
)
def test_text_is_one_safe_line(kind: str, body: str | bytes, message: str | None) -> None:
    named = headers(refusal(409, kind, body))
    assert named.pop("Xaccel-Status") == "409"
    assert {name: value.encode("latin-1").decode() for name, value in named.items()} == (
        {} if message is None else {"Xaccel-Message": message}
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "It is there", "pk": 7}, "It is there"),
        ({"error": "It is there"}, "It is there"),
        ({"title": "It is there", "status": 409}, "It is there"),
        ({"detail": {"file": ["no"]}, "message": 'a\n"b"'}, "a 'b'"),
        (["It is there"], None),
        ({"file": ["ü\x00\n"]}, None),
    ],
)
@pytest.mark.parametrize("kind", [JSON, "application/problem+json"])
def test_json_passes_as_it_is(kind: str, body: object, message: str | None) -> None:
    named = headers(refusal(409, kind, json.dumps(body, ensure_ascii=False, indent=2)))
    assert (json.loads(named["Xaccel-Body"]), named["Xaccel-Body-Type"]) == (body, kind)
    assert named["Xaccel-Body"].isascii()
    assert named.get("Xaccel-Message") == message


@pytest.mark.parametrize(
    "body",
    ["", "{", b"\xff", json.dumps({"detail": "Conflict"}), json.dumps({"file": "x" * 2000}), "[" * 8000],
)
def test_other_json_has_the_sentence_of_nginx(body: str | bytes) -> None:
    assert headers(refusal(409, JSON, body)) == {"Xaccel-Status": "409"}


@pytest.mark.parametrize(
    ("status", "due"), [(402, "400"), (409, "409"), (418, "400"), (429, "429"), (499, "400"), (507, "507")]
)
def test_an_unknown_status_is_400(status: int, due: str) -> None:
    assert headers(refusal(status, TEXT, "No"))["Xaccel-Status"] == due


@pytest.mark.parametrize("status", [200, 204, 302, 500, 502, 504])
def test_other_responses_are_left_alone(status: int) -> None:
    assert refusal(status, TEXT, "No") is None


def test_a_refusal_of_receive_file_is_left_alone() -> None:
    assert refusal(403, TEXT, "", Xaccel_Auth=SECRET) is None


def test_only_a_challenge_and_a_time_to_wait_come_along() -> None:
    more = {"Retry_After": "60", "WWW_Authenticate": "Basic", "Set_Cookie": "a=b", "Location": "/"}
    for status, kept in ((401, {"WWW-Authenticate", "Retry-After"}), (429, {"Retry-After"})):
        answer = refusal(status, TEXT, "Wait", **more)
        assert answer is not None
        assert answer.status == status
        names = {name.title().replace("Www-", "WWW-") for name in headers(answer)}
        assert names - {"Xaccel-Status", "Xaccel-Message"} == kept
