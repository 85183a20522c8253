"""Can users sign in, and do they see their files and nobody else's?"""

from __future__ import annotations

from collections.abc import Iterator

from portal.demo.check.answer import Answer, verdict
from portal.demo.check.scene import Scene

_GUESSES = 10


def ask(scene: Scene) -> Iterator[Answer]:
    wrong = scene.nobody()
    wrong.who = "alice"
    refused = wrong.sign_in("not-her-password")
    turned_away = scene.nobody().get("/")
    problems = (
        [] if refused.status == 200 and "sessionid" not in refused.header("Set-Cookie") else [str(refused)]
    )
    if turned_away.status != 302 or not turned_away.header("Location").startswith("/login"):
        problems.append(f"nobody signed in, {turned_away}")
    # a name that nobody has, so that nobody is locked out by the check
    guesses = scene.nobody()
    guesses.who = "nobody-has-this-name"
    statuses = [guesses.sign_in(f"guess {number}").status for number in range(_GUESSES)]
    if statuses[-1] != 429:
        problems.append(f"{_GUESSES} wrong passwords, and the last response is {statuses[-1]}")
    people = ("alice", "bob", "carol", "admin")
    for username in people:
        scene.sign_in(username)
    yield verdict(
        "sign-in",
        problems,
        f"{len(people)} users by the form; not with a wrong password, nor with {_GUESSES} guesses",
    )

    problems, counts = [], []
    for username in people:
        wanted = {file.path: file.name for file in scene.stack.files_of(username)}
        found = scene.browser(username).links_to_files()
        counts.append(f"{username} {len(found)}")
        if found != wanted:
            names = sorted({*found.items()} ^ {*wanted.items()})
            problems.append(f"{username} sees {len(found)} of {len(wanted)} files; differs: {names[0][1]!r}")
    yield verdict("file-list", problems, ", ".join(counts))
