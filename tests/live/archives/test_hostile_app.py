"""An app with a valid secret gets nothing by a template that it may not have: the origins of its own site are all.

Two sites of one NGINX share the address of the assembler, and have an origin of the same name. The app of the first one
is hostile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest

from tests.live.archives.hostile import (
    OTHERS,
    OWN,
    PARTNER,
    STOLEN,
    TAG,
    TEMPLATE,
    Hostile,
    include,
    ticket_of,
)
from tests.live.client import ask
from tests.live.handoff.hostile import FORGED_ID, as_the_engine
from xaccel.site.keys import nginx_token
from xaccel.tools.nginx.engine_files import contents


def nothing_stolen(hostile: Hostile, *commands: str) -> bytes:
    for origin in (hostile.others, hostile.elsewhere):
        origin.requests.clear()
    body = hostile.assembled(*commands)
    assert STOLEN not in body
    assert hostile.others.requests == hostile.elsewhere.requests == []
    return body


def test_its_own_origins_are_there(hostile: Hostile) -> None:
    """Without this the others would prove nothing."""
    assert STOLEN in hostile.assembled(
        include("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"))
    )
    url = "http://archives.invalid/file/media/mine.txt"
    assert b"my own!" in hostile.assembled(include("/member/archives" + PARTNER.format(url=url)))


@pytest.mark.parametrize("origin", ["partner", "archives"])
def test_no_other_host_is_reached(hostile: Hostile, origin: str) -> None:
    for url in (
        f"{hostile.elsewhere.url}/x",
        f"{hostile.others.url}/x",
        "http://archives-shop.invalid/file/media/secret.txt",
        f"http://{hostile.listen}/file/media/secret.txt",
        "http://archives.invalid/file/media/../../others/secret.txt",
        "http://archives.invalid/file/media/%2e%2e/%2e%2e/others/secret.txt",
        "http://unix:/tmp/x:/",
        f"{hostile.own.url}@{hostile.elsewhere.address}/x",
    ):
        nothing_stolen(hostile, include(f"/member/{origin}" + PARTNER.format(url=url)))


@pytest.mark.parametrize(
    "path",
    [
        "/member/shop" + PARTNER.format(url="http://127.0.0.1/x"),
        "@xaccel_fetch",
        "/@xaccel_shop_fetch",
        "/_xaccel_shop/partner",
        "/_xaccel_shop/media/secret.txt",
        "/_xaccel/media/secret.txt",
        "/file/media/../../others/secret.txt",
        "/../others/secret.txt",
        "/etc/passwd",
    ],
)
def test_no_other_location_is_reached(hostile: Hostile, path: str) -> None:
    nothing_stolen(hostile, include(path), f'<!--#include file="{path}" wait="yes" -->')


def variables(hostile: Hostile) -> Sequence[str]:
    texts = [hostile.text, *(text for name, text in contents().items() if name.endswith(".conf"))]
    found = {name for text in texts for name in re.findall(r"\$\{?(xaccel_\w+)", text)}
    found |= {name for text in texts for name in re.findall(r"\?<(xaccel_\w+)>", text)}
    return sorted(found)


def test_no_variable_shows_what_belongs_to_the_other_site(hostile: Hostile) -> None:
    """A template can show every variable, also after a member made the fixed headers of its own origin visible."""
    names = variables(hostile)
    assert "xaccel_shop_fixed_authorization" in names
    member = include("/member/partner" + PARTNER.format(url=f"{hostile.own.url}/x"))
    body = b""
    for start in range(0, len(names), 40):
        shown = [f'[{name}=<!--#echo var="{name}" encoding="none" -->]' for name in names[start : start + 40]]
        body += hostile.assembled(member, *shown)
    assert f"Bearer of-{OWN[:6]}".encode() in body
    for secret in (f"Bearer of-{OTHERS[:6]}", OTHERS, nginx_token(OTHERS)):
        assert secret.encode() not in body


def test_members_that_run_at_once_do_not_mix_two_origins(hostile: Hostile) -> None:
    """Without `wait`, includes share variables while they run."""
    url = "http://archives.invalid/file/media/mine.txt"
    mixed = [
        f'<!--#include virtual="/member/partner{PARTNER.format(url=f"{hostile.own.url}/x")}" -->',
        f'<!--#include virtual="/member/archives{PARTNER.format(url=url)}" -->',
        f'<!--#include virtual="/member/partner{PARTNER.format(url=f"{hostile.elsewhere.url}/x")}" -->',
    ]
    hostile.others.requests.clear()
    hostile.elsewhere.requests.clear()
    hostile.own.requests.clear()
    hostile.assembled(*mixed * 3)
    assert hostile.others.requests == hostile.elsewhere.requests == []
    sent = {request.header("Authorization") for request in hostile.own.requests}
    assert sent <= {f"Bearer of-{OWN[:6]}"}
    assert not any(request.header("Xaccel-Nginx-Token") for request in hostile.own.requests)


@pytest.fixture
def replies(hostile: Hostile) -> Iterator[dict[str, dict[str, str]]]:
    for origin in (hostile.app, hostile.own, hostile.others, hostile.elsewhere):
        origin.requests.clear()
    yield hostile.replies
    hostile.replies.clear()


def private(url: str, secret: str = OWN) -> dict[str, str]:
    return {"Xaccel-Auth": secret, "Xaccel-Id": FORGED_ID, "Xaccel-Url": url}


def test_a_template_jumps_nowhere(hostile: Hostile, replies: dict[str, dict[str, str]]) -> None:
    """It may have the headers of a hand-off, and NGINX ignores them."""
    url = f"{hostile.elsewhere.url}/x"
    for to in (
        *hostile.named_locations,
        "/_xaccel/partner",
        "/_xaccel_shop/partner",
        "/_xaccel_shop/media/secret.txt",
        "/file/media/../../others/secret.txt",
        "/member/partner" + PARTNER.format(url=url),
        f"/x?trusted site= origin=partner sender=@xaccel_fetch home={hostile.elsewhere.url} peer={url}",
    ):
        replies[TEMPLATE] = {"X-Accel-Redirect": to, "Location": url, **private(url)}
        assert nothing_stolen(hostile).startswith(b"template:"), to
    assert hostile.own.requests == []


def test_a_hand_off_reaches_only_the_assembler_of_its_own_site(
    hostile: Hostile, replies: dict[str, dict[str, str]]
) -> None:
    token = ticket_of(hostile.shop)
    shops = f"http://archives-shop.invalid/archive/{TAG}?token={token}"
    for sent in (
        {"Xaccel-Url": f"{hostile.elsewhere.url}/x"},
        {"Xaccel-Url": shops},
        {"Xaccel-Url": f"http://archives.invalid@{hostile.elsewhere.address}/x"},
        {"Xaccel-Url": f"http://{hostile.listen}/archive/{TAG}?token={token}"},
        {"X-Accel-Redirect": "/_xaccel_shop/archives", "Xaccel-Url": shops},
        {"X-Accel-Redirect": "/_xaccel_shop/archives", **private(shops)},
        {"Xaccel-Auth": ""},
        {"Xaccel-Auth": OWN[:-1]},
        *({"X-Accel-Redirect": name} for name in hostile.named_locations),
    ):
        replies["/x"] = sent
        reply = ask(hostile.port, "/x")
        assert (reply.status >= 400, STOLEN in reply.body) == (True, False), sent
    assert {request.target for request in hostile.app.requests} == {"/x"}
    assert hostile.others.requests == hostile.elsewhere.requests == []


@pytest.mark.parametrize("first", ["/b/x", "/_xaccel/none/x", "/_xaccel_shop/none/x"])
def test_no_arguments_of_the_app_are_taken_for_the_settings_of_archives(
    hostile: Hostile, replies: dict[str, dict[str, str]], first: str
) -> None:
    """The app sends itself a request whose `$args` look like the engine's, then jumps with its secret."""
    peer = hostile.elsewhere.url
    for site in ("", "_shop"):
        place = f"origin=archives sender=@xaccel{site}_fetch home={peer} peer={peer}"
        for args in as_the_engine(site, place):
            for name in hostile.named_locations:
                replies["/x"] = {"X-Accel-Redirect": f"{first}?{args}"}
                replies[first] = {"X-Accel-Redirect": name, **private(f"{peer}/x")}
                reply = ask(hostile.port, "/x")
                assert (reply.status >= 400, STOLEN in reply.body) == (True, False), (args, name)
    assert hostile.others.requests == hostile.elsewhere.requests == hostile.own.requests == []


def test_no_log_has_a_token_a_ticket_or_a_fixed_header(hostile: Hostile) -> None:
    for url in (f"{hostile.own.url}/x?X-Amz-Signature=x", f"{hostile.elsewhere.url}/x"):
        hostile.assembled(include("/member/partner" + PARTNER.format(url=url).replace("6/7:7", "8/9:9")))
    logs = [*hostile.logs.glob("*.log")]
    assert '"why":"url_refused"' in (hostile.logs / "members.log").read_text()
    for log in logs:
        for secret in (OWN, OTHERS, nginx_token(OWN), nginx_token(OTHERS), "Bearer", "WyI", "X-Amz"):
            assert secret not in log.read_text(), (log, secret)
