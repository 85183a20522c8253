"""Random attacks on grants, each compared with the app: NGINX sends nothing that the app itself would not send now.

`scripts/test soak grants` makes 20,000 tries.
"""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPResponse
from itertools import count
from random import Random

import pytest

from tests.live.grants.scene import FOLDER, ORIGINS, Scene, environ_of
from tests.live.grants.unfit import IN_FOLDER, UNFIT, granted
from tests.servers.origin import Answer, Request
from xaccel.features.grants.revoke import revoke
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER

SEED = 29
AT_ONCE, BATCH = 4, 100
KEYS = (
    "a",
    "b",
    "c",
    "none",
    *(f"{FOLDER}{name}" for name in ("s1.ts", "s2.ts", "4/5/6.png", "c/.zarray", "none.ts")),
)
COOKIES = (
    "sid={0}", "sid={0}", "sid={0}", "sid={0}; sid={1}", "sid={1}; sid={0}", "xsid={1}; sid={0}",
    "SID={1}; sid={0}", "a=sid={1}; sid={0}", "a=1, sid={1}; sid={0}", 'sid="{1}"', "sid={1}x", "sid=x{1}",
    "sid={0} {1}", "sid ={1}", "sid= {1}", "sid={1} ; x=1", ";sid={1}", "sid={0};sid={1}", "sid=", "",
    "sid={0}\tsid={1}", "sid=%73{1}", "sid[]={1}", "__Host-sid={1}", "sid={0}\r\nCookie: sid={1}",
    "sid={1}\r\nCookie: sid={0}", "sid={0} GET {1} 127.0.0.1 /files/media/a",
)  # fmt: skip
HEADERS = (
    "Range: bytes=0-9", "Range: bytes=-5", 'If-None-Match: "x"', "If-None-Match: *",
    "Authorization: Bearer {0}", "Authorization: Basic eDp5", "Xaccel-Grant-Hit: 1",
    "Xaccel-Grant-For: {1}", f"{SCOPE_HEADER}: */files/media/films/7/ s1.ts",
    "Xaccel-Grant-Place: /_xaccel/media/", "Xaccel-Grant-Url: /x/", "Xaccel-Host: 127.0.0.1",
    "Xaccel-Grant-Again: 1", f"{TOKEN_HEADER}: x", "X-Accel-Redirect: /_xaccel/media/a",
    "X-Original-URL: /files/media/a", "X-HTTP-Method-Override: GET", "X-Forwarded-Host: other.example",
    f"Connection: close, {TOKEN_HEADER}", "Content-Length: 0", "Vary: *", "Xaccel-Trace: 1",
)  # fmt: skip
HOSTS = ("127.0.0.1:{port}",) * 6 + (
    "127.0.0.1",
    "other.example",
    "127.0.0.1.:{port}",
    "127.0.0.1:{port} ",
    "x@127.0.0.1:{port}",
)
METHODS = ("GET",) * 8 + ("HEAD", "HEAD", "POST", "PUT", "get", "PROPFIND")
PIECES = (
    "/",
    "/./",
    "/../",
    "/x/../",
    "/..;/",
    "/%2e%2e/",
    "/.%2e/",
    "%2f",
    "%2F..%2F",
    "\\..\\",
    "/%5c../",
    "....//",
)
ENDS = (
    "?",
    "?x",
    "?x=%2f",
    "#x",
    "%00",
    "%20",
    ".",
    "/",
    "/.",
    "/..",
    "/../b",
    ";x",
    "%3fx",
    "%23",
    "~",
    "%0d%0aX: y",
    "\xc3\xbc",
)


@dataclass
class Try:
    """One request as it goes out. allowed: what the app itself decides, and the name of the file."""

    method: str
    target: str
    headers: list[str]
    allowed: str | None = None

    def bytes_of(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", *self.headers, "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1")


def spelled(random: Random, target: str) -> str:
    """The target with up to three changes."""
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 3))):
        at = random.randrange(1, len(target))
        kind = random.randrange(6)
        if kind == 0:
            target = f"{target[:at]}%{ord(target[at]):02{random.choice('xX')}}{target[at + 1 :]}"
        elif kind == 1:
            target = f"{target[:at]}%25{ord(target[at]):02x}{target[at + 1 :]}"
        elif kind == 2:
            target = target[:at] + target[at].swapcase() + target[at + 1 :]
        elif kind == 3:
            slashes = [index for index, char in enumerate(target) if char == "/"]
            at = random.choice(slashes)
            target = target[:at] + random.choice(PIECES) + target[at + 1 :]
        elif kind == 4:
            target += random.choice(ENDS)
        else:
            target = random.choice(("http://other.example", "http://127.0.0.1", "//")) + target
    return target


def decided(made: Scene, tried: Try) -> str | None:
    """What the app says of a request without NGINX: the disposition of the file, or None."""
    target = re.sub("^(?i:http)://[^/?#]*", "", tried.target)
    headers = [tuple(line.partition(": ")[::2]) for line in "\r\n".join(tried.headers).split("\r\n")]
    request = Request(tried.method, target, "HTTP/1.1", tuple(headers), b"", 0)
    found: list[tuple[str, dict[str, str]]] = []
    made.wsgi(environ_of(request), lambda status, given, *_: found.append((status[:3], dict(given))))
    [(status, given)] = found
    return given["Xaccel-Disposition"] if status == "200" else None


def sent(port: int, tried: Try) -> tuple[int, str]:
    """The status and the disposition of the response."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall(tried.bytes_of())
        with closing(HTTPResponse(connection, method=tried.method)) as response:
            response.begin()
            response.read()
            return response.status, response.getheader("Content-Disposition") or ""


def attack(made: Scene, random: Random, people: list[str]) -> Try:
    own, other = random.sample([*people, people[0], people[0]], 2)  # the first has grants
    target = spelled(random, f"/files/{random.choice(ORIGINS)}/{random.choice(KEYS)}")
    host = random.choice(HOSTS).format(port=made.port)
    headers = [f"Host: {host}", f"Cookie: {random.choice(COOKIES).format(own, other)}"]
    headers += [each.format(own, other) for each in random.sample(HEADERS, random.choice((0, 0, 0, 1, 2)))]
    return Try(random.choice(METHODS), target, headers)


def hostile(made: Scene, random: Random, people: list[str], number: int) -> None:
    """A backend sends a hand-off that is not to be remembered, then refusals that are not either."""
    session, other = random.sample(people, 2)
    in_folder = random.random() < 0.5
    table = IN_FOLDER if in_folder else UNFIT
    path = f"/files/media/films/{number}x/s1.ts" if in_folder else f"/files/page/{number}"
    changed: dict[str, str | None] = {}
    if in_folder:
        folder = path.rpartition("/")[0]
        changed = {"Xaccel_Grant_Scope": f"*{folder}/", "Xaccel_Grant_Place": "/_xaccel/media/films/7/"}
    for name in random.sample(sorted(table), random.choice((1, 1, 2))):
        changed |= table[name]
    if changed.get("Xaccel_Grant_For") == "upper":
        changed["Xaccel_Grant_For"] = session.upper()
    made.pages[path] = lambda request: Answer(headers=granted(made, request, session, **changed))
    made.get(path, session)
    made.pages[path] = lambda request: Answer(
        status=403, headers=granted(made, request, session, X_Accel_Redirect=None)
    )
    for one in (session, other, session):
        assert made.get(path, one).status >= 400, (path, changed)
    del made.pages[path]


@pytest.mark.parametrize("tries", [200, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_try_gets_what_the_app_would_not_send(
    grants: Scene, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", "xaccel")  # each refusal is a warning
    random, numbers = Random(SEED), count()
    done = {"served": 0, "refused": 0, "hostile": 0}
    before, revoked = len(grants.calls), 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while sum(done.values()) < tries:
            # fresh ones: NGINX asks the app for each request of a user whose grants were revoked
            name = f"alice-{tries}-{next(numbers)}"
            alice = grants.user(name, "a", FOLDER)
            people = [alice, grants.user(f"bob.{name}", "b"), grants.user(f"eve.{name}")]
            for origin in ORIGINS:  # what the others try to use
                for key in ("a", f"{FOLDER}s1.ts"):
                    assert grants.get(f"/files/{origin}/{key}", alice).status == 200
            if random.random() < 0.2:
                grants.may -= {(name, "a"), (name, FOLDER)}
                revoke(grants.site, user=name)
                revoked += 1
            batch = [attack(grants, random, people) for _ in range(BATCH * 9 // 10)]
            for tried in batch:
                tried.allowed = decided(grants, tried)
            replies = threads.map(lambda tried: sent(grants.port, tried), batch)
            for tried, (status, shown) in zip(batch, replies, strict=True):
                is_file = status in (200, 206, 304)
                assert not is_file or tried.allowed is not None, (status, tried.bytes_of())
                assert status not in (200, 206) or shown == tried.allowed, (shown, tried.bytes_of())
                done["served" if is_file else "refused"] += 1
            for _ in range(BATCH // 10):
                hostile(grants, random, people, next(numbers))
                done["hostile"] += 1
    calls = len(grants.calls) - before
    print(f"\n{sum(done.values())} tries, 0 through: {done}, {revoked} revocations, {calls} calls of the app")
    assert done["served"] > tries / 20
