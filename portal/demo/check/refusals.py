"""Is everybody else refused, by every method, without a byte of the file?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.browser import Browser, Exchange
from portal.demo.check.scene import Scene
from portal.demo.stack import SharedFile

_REQUESTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("GET", {}),
    ("HEAD", {}),
    ("GET", {"Range": "bytes=0-9"}),
    ("GET", {"If-None-Match": "*"}),
)
_NOWHERE = "/files/00000000-0000-4000-8000-000000000000/download"


def ask(scene: Scene) -> Iterator[Answer]:
    alice, bob, carol = (scene.browser(name) for name in ("alice", "bob", "carol"))
    hers = [file for file in scene.stack.files_of("alice") if file not in scene.stack.files_of("bob")]
    ledger = scene.file("Ledger.csv")
    yield verdict(
        "refused-others-file",
        [*_problems(bob, hers[:3], (404,)), *_problems(alice, [ledger], (404,))],
        "404 by GET, HEAD, Range and If-None-Match",
    )
    yield verdict(
        "refused-without-grant",
        [
            *_problems(carol, list(scene.stack.files), (404,)),
            *_problems(scene.browser("admin"), [ledger], (404,)),
        ],
        f"carol: 404 for all {len(scene.stack.files)} files; the administrator too",
    )
    yield verdict(
        "refused-anonymous",
        _problems(scene.nobody(), list(scene.stack.files), (302,)),
        "sent to the sign-in page, for every file",
    )
    unknown, other = carol.get(_NOWHERE), carol.get(ledger.path)
    same = unknown.status == other.status == 404 and _without_token(unknown) == _without_token(other)
    yield Answer(
        "refusal-tells-nothing",
        same,
        "somebody else's file and no file at all look the same" if same else f"{unknown}; {other}",
    )
    posted = alice.request("POST", hers[0].path, body=b"")
    yield Answer("refused-post", posted.status in (403, 405) and not posted.is_file, str(posted))


def _without_token(answer: Exchange) -> str:
    # the form to sign out holds a token that is masked anew in each page
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.text)


def _problems(browser: Browser, files: list[SharedFile], statuses: tuple[int, ...]) -> list[str]:
    found = []
    for number, file in enumerate(files):
        # all kinds of requests for some of the files, the plain one for each
        for path in (file.path, file.path.replace("/download", "/open")):
            for method, headers in _REQUESTS if number % 5 == 0 else _REQUESTS[:1]:
                answer = browser.request(method, path, headers)
                if answer.status not in statuses or _holds(answer, file):
                    found.append(f"{browser.who}: {file.name!r}, {answer}")
    return found


def _holds(answer: Exchange, file: SharedFile) -> bool:
    if answer.sha256 == file.sha256 and file.size:
        return True
    return bool(
        answer.header("Content-Disposition")
        or answer.header("Accept-Ranges")
        or answer.header("Content-Range")
    )
