"""What a client, or a backend beside the app, tries to get by somebody else's grant."""

from __future__ import annotations

import pytest

from tests.live.grants.scene import BODY, COOKIE, FOLDER, SECRET, Scene, segment
from tests.live.grants.unfit import IN_FOLDER, UNFIT, granted
from tests.servers.origin import Answer, Request
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER

ATTACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "another user": ("GET /files/media/a", ("Cookie: sid={eve}",)),
    "no cookie": ("GET /files/media/a", ()),
    "an empty cookie": ("GET /files/media/a", ("Cookie: sid=",)),
    "a short cookie": ("GET /files/media/a", ("Cookie: sid=x",)),
    "an unknown session": ("GET /files/media/a", ("Cookie: sid=" + "x" * 32,)),
    "a cookie with the key of the cache": ("GET /files/media/a", ("Cookie: sid={eve} GET {alice} x",)),
    "a cookie in quotes": ("GET /files/media/a", ('Cookie: sid="{eve}"',)),
    "a cookie of another name that ends alike": ("GET /files/media/a", ("Cookie: xsid={alice}; sid={eve}",)),
    "a cookie of another case": ("GET /files/media/a", ("Cookie: SID={alice}; sid={eve}",)),
    "a cookie in a value": ("GET /files/media/a", ("Cookie: a=sid={alice}; sid={eve}",)),
    "a cookie behind a comma": ("GET /files/media/a", ("Cookie: a=1, sid={alice}; sid={eve}",)),
    "a cookie behind an empty one": ("GET /files/media/a", ("Cookie: ;sid={alice}",)),
    "a cookie behind a semicolon without a blank": ("GET /files/media/b", ("Cookie: a=1;sid={eve}",)),
    "the own session twice": ("GET /files/media/a", ("Cookie: sid={eve}; sid={eve}",)),
    "the own session in two lines": ("GET /files/media/a", ("Cookie: sid={eve}", "Cookie: sid={eve}")),
    "another object": ("GET /files/media/b", ("Cookie: sid={alice}",)),
    "another spelling": ("GET /files/media/%61", ("Cookie: sid={eve}",)),
    "dot segments": ("GET /files/media/b/../a", ("Cookie: sid={eve}",)),
    "encoded dot segments": ("GET /files/media/%2e%2e/media/a", ("Cookie: sid={eve}",)),
    "an encoded slash": ("GET /files/media%2fa", ("Cookie: sid={eve}",)),
    "two slashes": ("GET /files//media/a", ("Cookie: sid={eve}",)),
    "a query": ("GET /files/media/a?x", ("Cookie: sid={eve}",)),
    "a fragment": ("GET /files/media/a#x", ("Cookie: sid={eve}",)),
    "a host in the request line": ("GET http://other/files/media/a", ("Cookie: sid={eve}",)),
    "POST": ("POST /files/media/a", ("Cookie: sid={eve}", "Content-Length: 0")),
    "HEAD": ("HEAD /files/media/a", ("Cookie: sid={eve}",)),
    "a range": ("GET /files/media/a", ("Cookie: sid={eve}", "Range: bytes=0-9")),
    "the headers of a grant": (
        "GET /files/media/a",
        ("Cookie: sid={eve}", "Xaccel-Grant-Hit: 1", "Xaccel-Grant-For: {alice}", f"{SCOPE_HEADER}: /files/media/a"),
    ),
    "a location of the origin": ("GET /_xaccel/media/a", ("Cookie: sid={alice}",)),
    "the location that asks again": ("GET /@xaccel_again", ("Cookie: sid={alice}",)),
    "a revocation without the token": ("POST /_xaccel/.revoke/" + "0" * 64, ("Content-Length: 0",)),
    "the page of a revocation": ("GET /_xaccel/.revoked", ()),
    "another user's folder": ("GET /files/media/films/7/s1.ts", ("Cookie: sid={eve}",)),
    "another user's folder of a bucket": ("GET /files/bucket/films/7/s1.ts", ("Cookie: sid={eve}",)),
    "a folder by the headers of NGINX": (
        "GET /files/media/films/7/s1.ts",
        ("Cookie: sid={eve}", "Xaccel-Grant-Place: /_xaccel/media/", f"{SCOPE_HEADER}: */files/media/films/7/ s1.ts"),
    ),
    "the folder itself": ("GET /files/media/films/7/", ("Cookie: sid={alice}",)),
    "a sibling of the folder": ("GET /files/media/films/8/s1.ts", ("Cookie: sid={alice}",)),
    "a folder whose name begins alike": ("GET /files/media/films/7x/s1.ts", ("Cookie: sid={alice}",)),
    "the folder above": ("GET /files/media/films/7/../../b", ("Cookie: sid={alice}",)),
    "the folder above, encoded": ("GET /files/media/films/7/%2e%2e/%2e%2e/b", ("Cookie: sid={alice}",)),
    "the folder above by encoded slashes": ("GET /files/media/films/7/..%2f..%2fb", ("Cookie: sid={alice}",)),
    "the folder above by backslashes": ("GET /files/media/films/7/..\\..\\b", ("Cookie: sid={alice}",)),
    "the folder above behind a name": ("GET /files/media/films/7/s1.ts/../../../b", ("Cookie: sid={alice}",)),
    "the folder above of a bucket": ("GET /files/bucket/films/7/../../a", ("Cookie: sid={alice}",)),
    "an empty segment in the folder": ("GET /files/media/films/7//s1.ts", ("Cookie: sid={alice}",)),
    "a parameter of a segment": ("GET /files/media/films/7/..;/b", ("Cookie: sid={alice}",)),
    "a NUL in the folder": ("GET /files/media/films/7/s1.ts%00", ("Cookie: sid={alice}",)),
    "a folder of another host": ("GET /files/media/films/7/s1.ts", ("Cookie: sid={eve}", "Host: other.example")),
    "HEAD in the folder": ("HEAD /files/bucket/films/7/s1.ts", ("Cookie: sid={eve}",)),
    "POST in the folder": ("POST /files/media/films/7/s1.ts", ("Cookie: sid={eve}", "Content-Length: 0")),
    "the sender of folders": ("GET /_xaccel/bucket/sign", ("Cookie: sid={alice}",)),
    "the signatures": ("GET /_xaccel/.sign/x/s1.ts", ("Cookie: sid={alice}",)),
    "the location behind a signature": ("GET /@xaccel_signed", ("Cookie: sid={alice}",)),
    "Authorization beside a cookie": (
        "GET /files/media/a",
        ("Cookie: sid={alice}", "Authorization: Bearer {eve}"),
    ),
}  # fmt: skip
"""Request line and headers by what is tried, while alice has a grant for /files/media/a, and eve may have nothing."""


@pytest.fixture
def people(grants: Scene) -> dict[str, str]:
    """Sessions: alice has grants for an object and for a folder, bob may have another object, eve may have nothing."""
    alice = grants.user("alice", "a", FOLDER)
    found = {"alice": alice, "bob": grants.user("bob", "b"), "eve": grants.user("eve")}
    assert grants.get("/files/media/a", alice).body == BODY
    for origin in ("media", "bucket"):
        assert grants.get(f"/files/{origin}/{FOLDER}s1.ts", alice).body == segment("s1.ts")
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_no_file(grants: Scene, people: dict[str, str], name: str) -> None:
    """Twice: nothing is remembered of the first try either."""
    line, headers = ATTACKS[name]
    for _ in range(2):
        sent = [header.format(**people) for header in headers]
        assert 400 <= grants.raw(line, *sent) < 500


def test_who_is_refused_may_have_it_at_once_when_the_app_says_so(
    grants: Scene, people: dict[str, str]
) -> None:
    """A refusal is not remembered, even with all headers of a grant."""

    def refuses(request: Request) -> Answer:
        return Answer(status=403, headers=granted(grants, request, people["eve"], X_Accel_Redirect=None))

    grants.pages["/files/media/a"] = refuses
    assert [grants.get("/files/media/a", people["eve"]).status for _ in range(2)] == [403, 403]
    grants.pages.clear()
    grants.may.add(("eve", "a"))
    assert grants.get("/files/media/a", people["eve"]).body == BODY
    grants.may.discard(("eve", "a"))


@pytest.mark.parametrize("name", UNFIT)
def test_a_response_that_does_not_name_what_it_decided_is_not_remembered(
    grants: Scene, people: dict[str, str], name: str
) -> None:
    session = people["bob"]
    changed = {key: session.upper() if value == "upper" else value for key, value in UNFIT[name].items()}
    grants.pages["/files/unfit"] = lambda request: Answer(
        headers=granted(grants, request, session, **changed), body=b"a page"
    )
    before = len(grants.calls)
    for _ in range(3):
        grants.get("/files/unfit", session)
    assert [request.target for request in grants.calls[before:]].count("/files/unfit") == 3


def test_the_response_of_that_table_is_remembered_if_nothing_is_changed(
    grants: Scene, people: dict[str, str]
) -> None:
    """The others then differ in the one thing that they say."""
    grants.pages["/files/fit"] = lambda request: Answer(headers=granted(grants, request, people["bob"]))
    assert grants.calls_of(lambda: [grants.get("/files/fit", people["bob"]) for _ in range(3)]) == 1


@pytest.mark.parametrize("name", [*IN_FOLDER, ""])
def test_a_folder_that_is_not_the_one_of_the_request_is_not_remembered(
    grants: Scene, people: dict[str, str], name: str
) -> None:
    session = grants.user(f"folder-{len(name)}")
    of_folder = {
        "Xaccel_Grant_Scope": "*/files/media/films/7/",
        "Xaccel_Grant_Place": "/_xaccel/media/films/7/",
    }
    changed = {**of_folder, **IN_FOLDER.get(name, {})}
    path = "/files/media/films/7/s1.ts"
    grants.pages[path] = lambda request: Answer(headers=granted(grants, request, session, **changed))
    before = len(grants.calls)
    for _ in range(2):
        grants.get(path, session)
    grants.get("/files/media/films/7/s2.ts", session)
    asked = [request.target for request in grants.calls[before:]]
    assert sum(target.startswith("/files/") for target in asked) == (3 if name else 1)


def test_two_cookies_of_the_name_are_no_session(grants: Scene, people: dict[str, str]) -> None:
    """The app takes one of them and NGINX could take the other."""
    for first, second in (("alice", "eve"), ("eve", "alice")):
        cookie = f"{COOKIE}={people[first]}; {COOKIE}={people[second]}"
        calls = grants.calls_of(
            lambda cookie=cookie: [grants.get("/files/media/a", headers={"Cookie": cookie}) for _ in range(2)]
        )
        assert calls == 2


def test_a_decision_by_another_credential_is_not_remembered(grants: Scene, people: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {people['alice']}"}

    def twice() -> None:
        for _ in range(2):
            assert grants.get("/files/media/a", people["eve"], headers=headers).body == BODY

    assert grants.calls_of(twice) == 2
    assert grants.get("/files/media/a", people["eve"]).status == 403


def test_another_host_is_the_apps_to_answer(grants: Scene, people: dict[str, str]) -> None:
    hosts, before = ("other.example", f"other.example:{grants.port}", "a|b GET x"), len(grants.calls)
    for host in hosts:
        grants.raw("GET /files/media/a", f"Host: {host}", f"Cookie: {COOKIE}={people['alice']}")
    assert [request.header("Host") for request in grants.calls[before:]] == list(hosts[:2])


def test_a_vary_of_the_app_is_obeyed(grants: Scene, people: dict[str, str]) -> None:
    def speaks(request: Request) -> Answer:
        if request.header("Accept-Language") != "de":
            return Answer(status=403)
        return Answer(headers=[*granted(grants, request, people["bob"]), ("Vary", "Accept-Language")])

    grants.pages["/files/vary"] = speaks
    asked = ["de", "de", "en", "de", "en"]
    replies = [
        grants.get("/files/vary", people["bob"], headers={"Accept-Language": language}).status
        for language in asked
    ]
    assert replies == [200, 200, 403, 200, 403]


def test_the_headers_of_a_grant_reach_no_client(grants: Scene, people: dict[str, str]) -> None:
    """Neither with a file nor with a page."""
    grants.pages["/files/page"] = lambda request: Answer(
        headers=granted(grants, request, people["bob"], X_Accel_Redirect=None), body=b"a page"
    )
    replies = [
        grants.get(path, people["alice"]) for path in ("/files/media/a", "/files/media/a", "/files/page")
    ]
    for reply in replies:
        names = [name.lower() for name, _ in reply.headers]
        assert not [name for name in names if name.startswith(("xaccel", "x-accel"))]
        assert people["bob"].encode() not in reply.everything()


def test_the_server_for_grants_responds_to_nginx_alone(grants: Scene, people: dict[str, str]) -> None:
    assert grants.site.grants is not None
    port = int(grants.site.grants.listen.rpartition(":")[2])
    headers = [
        "Host: grants.invalid",
        f"Xaccel-Host: 127.0.0.1:{grants.port}",
        f"Cookie: sid={people['alice']}",
    ]
    for token in ("", "x", nginx_token("x" * 40)):
        assert grants.raw("GET /files/media/a", *headers, f"{TOKEN_HEADER}: {token}", port=port) == 404


def test_no_log_has_a_session_or_the_token(grants: Scene, people: dict[str, str]) -> None:
    grants.get("/files/media/a", people["alice"])
    grants.entries(1, subject="alice")
    for log in grants.nginx.directory.glob("*.log"):
        text = log.read_text(errors="replace")
        for secret in (people["alice"], nginx_token(SECRET), SECRET):
            assert secret not in text, log.name


def test_a_dead_app_serves_what_is_granted_and_nothing_else(grants: Scene, people: dict[str, str]) -> None:
    def dies(_: Request) -> Answer:
        return Answer(raw=b"", close=True)

    grants.pages |= {"/files/media/a": dies, "/files/media/b": dies}
    assert grants.get("/files/media/a", people["alice"]).body == BODY
    assert grants.get("/files/media/b", people["bob"]).status == 502
