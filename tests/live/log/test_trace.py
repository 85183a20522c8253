"""`xaccel trace`: every hop of one download, for those who have the site's secret, once for each key."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import on_all_builds
from tests.live.client import send_target
from tests.live.commands import run
from tests.live.conftest import Live
from tests.servers.origin import Answer, Request
from xaccel import LocalOrigin, Site
from xaccel.errors import OptionRefused
from xaccel.handoff.trace_key import ONE_MACHINE
from xaccel_testing import free_port

pytestmark = on_all_builds

SIGNATURES = ("c0ffee5166b1ed", "t0k3n0fTheStore", "s3ss10nOfTheUser", "3ch0edSecretOfTheStore")


def traced(live: Live, origin: str, key: str, *arguments: str, **options: Any) -> str:
    site = replace(live.places.site, transfer_log=str(live.nginx.directory / "xaccel.log"))
    target = send_target({"origin": origin, "key": key, "options": options})
    cookie = ["--header", f"Cookie: sessionid={SIGNATURES[2]}"]
    return run(site, "trace", f"http://127.0.0.1:{live.nginx.port}{target}", *cookie, *arguments)


def redirect_twice(live: Live) -> None:
    """Let the origin redirect to itself, then to the second origin, with signatures in each Location."""
    places = live.places

    def answer(asked: Request) -> Answer:
        second = asked.target.startswith("/moved")
        there = (
            f"{places.second_origin.url}/there?sig={SIGNATURES[1]}"
            if second
            else f"/moved?X-Amz-Signature={SIGNATURES[0]}"
        )
        return Answer(status=307 if second else 302, headers=[("Location", there), ("X-Step", "moved")])

    places.origin.answer = answer
    places.second_origin.answer = lambda asked: Answer(
        headers=[
            ("Content-Type", "text/html"),
            ("ETag", '"e1"'),
            ("X-Amz-Meta-Owner", f"of {asked.target}"),
            ("X-Powered-By", "store"),
            ("Set-Cookie", f"a={SIGNATURES[3]}"),
            ("Server", f"echo {SIGNATURES[3]}"),
        ],
        body=b"behind two redirects",
    )


def test_each_hop_of_a_download_through_two_redirects_is_shown(live: Live) -> None:
    redirect_twice(live)
    printed = traced(live, "partner", "a.txt", "--json", content_type="text/plain", filename="mine.txt")
    shown = json.loads(printed)
    hops = shown["hops"]
    assert [(hop["from"], hop["to"], hop["status"], hop["asked_separately"]) for hop in hops] == [
        ("client", "NGINX", 200, False),
        ("NGINX", "app", 200, False),
        ("NGINX", "origin partner", 302, True),
        ("NGINX", "redirect 1", 307, True),
        ("NGINX", "redirect 2", 200, True),
    ]
    assert (shown["end"], shown["log_entry"]["status"], shown["log_entry"]["origin_status"]) == (
        "sent",
        "200",
        "200",
    )
    assert shown["single_use"] == ONE_MACHINE
    assert said(shown, "Proxy-Status") == "nginx; received-status=200"
    assert re.fullmatch(r"app;dur=\d+, origin;dur=\d+", said(shown, "Server-Timing"))
    came = {each["name"].lower(): each["fate"] for each in hops[0]["response_headers"]}
    assert came["content-type"] == "replaced by app"
    assert came["content-disposition"] == "added by app"
    assert came["etag"] == "kept by NGINX"
    assert came["server"] == "replaced by NGINX"
    assert came["x-content-type-options"] == "added by NGINX"
    assert "set-cookie" not in came
    stored = {each["name"].lower(): each["fate"] for each in hops[4]["response_headers"]}
    assert (stored["x-powered-by"], stored["set-cookie"], stored["etag"]) == (
        "dropped by NGINX",
        "dropped by NGINX",
        "kept by NGINX",
    )
    sent = [{each["name"]: each["fate"] for each in hop["request_headers"]} for hop in hops[2:]]
    assert [each["Cookie"] for each in sent] == ["dropped by NGINX"] * 3
    assert [each.get("Authorization") for each in sent] == ["added by NGINX", "added by NGINX", None]
    assert [hop["url"] for hop in hops[3:]] == [
        f"{live.places.origin.url}/moved?X-Amz-Signature=***",
        f"{live.places.second_origin.url}/there?sig=***",
    ]


def test_this_command_asks_the_origin_as_nginx_does(live: Live) -> None:
    redirect_twice(live)
    traced(live, "partner", "a.txt", "--header", "Range: bytes=1-2")
    for origin, count in ((live.places.origin, 2), (live.places.second_origin, 1)):
        by_nginx, by_command = origin.requests[:count], origin.requests[count:]
        assert [each.target for each in by_nginx] == [each.target for each in by_command]
        extra = {"accept-encoding", "connection"}  # http.client's own
        assert [
            {name.lower(): value for name, value in each.headers if name.lower() not in extra}
            for each in by_nginx
        ] == [
            {name.lower(): value for name, value in each.headers if name.lower() not in extra}
            for each in by_command
        ]


@pytest.mark.parametrize("form", ["", "--json"])
def test_no_output_has_a_signature_a_cookie_or_a_password(live: Live, form: str) -> None:
    redirect_twice(live)
    live.places.s3.put(live.places.bucket, "traced.txt", b"signed")
    for origin, key in (("partner", "a.txt"), ("documents", "traced.txt"), ("documents", "missing")):
        printed = traced(live, origin, key, *filter(None, [form]))
        secrets = [*SIGNATURES, *live.places.site.secrets, live.places.s3.secret_key, "Bearer partner"]
        assert [secret for secret in secrets if secret in printed] == []
        assert "***" in printed
        if origin == "documents":
            assert "X-Amz-Signature=***" in printed
            assert live.places.s3.access_key not in printed


def test_the_reason_of_the_end_is_the_one_of_the_log(live: Live) -> None:
    for origin, key, end in (("documents", "missing", "origin_404"), ("media", "missing", "origin_404")):
        shown = json.loads(traced(live, origin, key, "--json"))
        assert shown["hops"][0]["status"] == 404
        if origin == "documents":
            assert shown["end"] == end
    live.places.origin.answer = lambda _: Answer(status=302, headers=[("Location", "http://10.0.0.1/x")])
    shown = json.loads(traced(live, "partner", "x", "--json"))
    assert (shown["end"], said(shown, "Proxy-Status")) == (
        "redirect_refused",
        'nginx; received-status=302; details="redirect_refused"',
    )
    assert shown["hops"][-1]["note"] == "NGINX does not follow this redirect"


def test_a_forged_hand_off_is_the_end_of_its_trace(live: Live) -> None:
    log, wrong = str(live.nginx.directory / "xaccel.log"), ("z" * 40,)
    site = replace(live.places.site, transfer_log=log, secrets=wrong)
    target = send_target({"origin": "partner", "key": "a.txt", "put": {"Xaccel-Auth": wrong[0]}})
    shown = json.loads(run(site, "trace", f"http://127.0.0.1:{live.nginx.port}{target}", "--json"))
    assert (shown["end"], shown["hops"][0]["status"], shown["single_use"]) == ("forged", 404, "")


def test_the_traceparent_of_the_operator_is_kept(live: Live) -> None:
    own = f"00-{'a' * 32}-{'b' * 16}-00"
    shown = json.loads(traced(live, "partner", "a.txt", "--json", "--header", f"traceparent: {own}"))
    assert shown["log_entry"]["traceparent"] == own
    assert json.loads(traced(live, "partner", "a.txt", "--json"))["log_entry"]["traceparent"] not in ("", own)


def test_a_response_of_the_app_itself_ends_there(live: Live) -> None:
    condition = ["--header", 'If-None-Match: "v1"']
    shown = json.loads(traced(live, "partner", "a.txt", "--json", *condition, etag='"v1"'))
    assert (shown["end"], shown["log_entry"]) == ("sent", {})
    assert [(hop["to"], hop["status"]) for hop in shown["hops"]] == [("NGINX", 304), ("app", 304)]


SAID = ("Cache-Status", "Proxy-Status", "Server-Timing")


def said(shown: dict[str, Any], name: str) -> str:
    """The header in which NGINX says on the traced response what it did."""
    return next((each["value"] for each in shown["hops"][0]["response_headers"] if each["name"] == name), "")


def test_the_traced_response_alone_says_what_nginx_did(live: Live) -> None:
    own = [("ETag", '"v"'), *((name, "of the origin") for name in SAID)]
    live.places.origin.answer = lambda _: Answer(headers=own, body=b"kept")
    for detail in ("fwd=miss; detail=MISS", "hit; detail=HIT"):
        shown = json.loads(
            traced(live, "partner-cached", f"said-{live.variant.name}", "--json", cache_version="1")
        )
        assert said(shown, "Cache-Status") == f"nginx; {detail}"
    (live.places.media / "said.txt").write_bytes(b"here")
    shown = json.loads(traced(live, "media", "said.txt", "--json"))
    assert (said(shown, "Proxy-Status"), said(shown, "Cache-Status")) == ("nginx", "")
    assert re.fullmatch(r"app;dur=\d+", said(shown, "Server-Timing"))
    for origin in ("partner", "partner-cached", "media"):
        reply = live.get(origin, "said.txt", headers={"Xaccel-Traced": "1"})
        assert reply.status == 200
        assert [name for name in SAID if reply.one(name) is not None] == []


@pytest.mark.parametrize(
    ("url", "arguments", "where"),
    [
        ("files/42", [], "URL"),
        ("http:///x", [], "URL"),
        ("http://me:pw@a.test/x", [], "URL"),
        ("http://a.test/ä", [], "URL"),
        ("http://a.test:port/x", [], "URL"),
        ("http://a.test/x", ["--connect", "here"], "--connect"),
        ("http://a.test/x", ["--header", "no header"], "--header"),
    ],
)
def test_invalid_arguments_are_refused(url: str, arguments: list[str], where: str) -> None:
    site = Site(origins={"media": LocalOrigin(root="/srv")}, secrets=("s" * 32,))
    with pytest.raises(OptionRefused) as refused:
        run(site, "trace", url, *arguments)
    assert refused.value.where == where


def test_a_front_door_that_is_down_is_an_end(tmp_path: Path) -> None:
    site = Site(origins={"media": LocalOrigin(root="/srv")}, secrets=("s" * 32,))
    arguments = ["--connect", f"127.0.0.1:{free_port()}", "--log", str(tmp_path / "none")]
    printed = run(site, "trace", "http://a.test/x?token=of-the-user", *arguments)
    assert "note: ConnectionRefusedError" in printed
    assert printed.splitlines()[-1] == "end: not_connected. The address of the site did not respond."
    assert "of-the-user" not in printed
