"""Try the running demo as its users, and print a table: `xaccel demo --check`.

It shows a newcomer that everything works together. The project's tests check each promise in detail.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from portal.demo.browser import Browser, Exchange
from portal.demo.bucket import readable
from portal.demo.identity import PEOPLE
from portal.demo.stack import SharedFile, Stack
from xaccel.commands.printing import print_line
from xaccel.handoff.disposition import content_disposition
from xaccel_testing.servers.processes import wait_until

_WAIT_S = 60


@dataclass(slots=True)
class Check:
    """One run. `browsers` are the users', who have signed in; `seen` gets every response."""

    stack: Stack
    seen: list[Exchange] = field(default_factory=list)
    browsers: dict[str, Browser] = field(default_factory=dict)

    def browser(self, username: str = "nobody") -> Browser:
        """Return a new browser, in which nobody has signed in."""
        return Browser(self.stack.nginx.port, self.seen, username)

    def file(self, name: str) -> SharedFile:
        """Return the sample of that name."""
        return next(file for file in self.stack.files if file.name == name)

    def manage(self, *arguments: str) -> str:
        """Run a management command of the portal. Return what it printed."""
        command = [*self.stack.manage, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout


Question = Callable[[Check], Iterator[str]]
"""Yields what is wrong; its docstring says what the result shows."""


def sign_in(check: Check) -> Iterator[str]:
    """each user signs in and sees exactly their files; a wrong password is refused"""
    if check.browser("alice").sign_in("not-her-password").status != 200:
        yield "alice signed in with a wrong password"
    for person in PEOPLE:
        browser = check.browsers[person.username] = check.browser(person.username)
        if browser.sign_in(check.stack.identity.passwords[person.username]).status != 302:
            yield f"{person.username} cannot sign in"
        elif browser.links_to_files() != {
            file.path: file.name for file in check.stack.files_of(person.username)
        }:
            yield f"{person.username} sees other files than were granted"


def downloads(check: Check) -> Iterator[str]:
    """every file arrives whole, under its name, private, and with a type that nobody guesses"""
    for username in ("alice", "bob"):
        for file in check.stack.files_of(username):
            found = check.browsers[username].get(file.path)
            wanted = {
                "Content-Length": str(file.size),
                "Content-Disposition": content_disposition(file.name, as_attachment=True),
                "Content-Type": file.sample.content_type,
                "Cache-Control": "private, no-cache",
                "X-Content-Type-Options": "nosniff",
            }
            if (found.status, found.sha256) != (200, file.sha256):
                yield f"{file.name!r}: status {found.status}, {found.size} of {file.size} bytes, or others"
            yield from (
                f"{file.name!r}: {name} {found.every(name)}"
                for name, value in wanted.items()
                if found.every(name) != [value]
            )


def refusals(check: Check) -> Iterator[str]:
    """without a grant: 404 for users, and the sign-in page for everybody else"""
    for file in check.stack.files:
        for username, status in (("carol", 404), ("admin", 404), ("nobody", 302)):
            browser = check.browsers.get(username) or check.browser()
            found = browser.get(file.path, {"Range": "bytes=0-9"})
            if found.status != status or found.is_file:
                yield f"{username}, {file.name!r}: {found.status}"


def revocation(check: Check) -> Iterator[str]:
    """a grant that is taken back: 404 for the next request, also of a resumed download"""
    alice, file = check.browsers["alice"], check.file("Price list, autumn.csv")
    check.manage("revoke", "alice", file.pk)
    try:
        for headers in ({}, {"Range": "bytes=10-"}, {"If-None-Match": f'"{file.sha256}"'}):
            if (found := alice.get(file.path, headers)).status != 404:
                yield f"after it was taken back: {found.status} for {headers}"
    finally:
        check.manage("grant", "alice", file.pk)
    if alice.get(file.path).sha256 != file.sha256:
        yield "it does not come back with the grant"


def trail(check: Check) -> Iterator[str]:
    """the audit trail says who got what, to the byte, and who was refused"""
    alice, carol, file = check.browsers["alice"], check.browsers["carol"], check.file("C++ notes.txt")
    known = {row["id"] for row in _rows(check)}
    for headers in ({}, {"Range": "bytes=0-9"}):
        alice.get(file.path, headers)
    carol.get(file.path)
    people = check.stack.people
    wanted = sorted(
        [("sent", people["alice"], file.size), ("sent", people["alice"], 10), ("denied", people["carol"], 0)]
    )
    found: list[tuple[str, str, int]] = []

    def complete() -> bool:
        new = [row for row in _rows(check) if row["id"] not in known]
        found[:] = sorted((row["outcome"], row["subject"], row["sent"] or 0) for row in new)
        return found == wanted

    if not wait_until(complete, timeout_s=_WAIT_S, every_s=0.1):
        yield f"its rows say {found}"


def _rows(check: Check) -> list[dict[str, Any]]:
    exported = check.manage("xaccel", "export", "transfers", "--format", "jsonl")
    # splitlines would also split at U+2028 and U+2029, which JSON strings may contain
    return [json.loads(line) for line in exported.split("\n") if line]


QUESTIONS: tuple[Question, ...] = (sign_in, downloads, refusals, revocation, trail)
"""`sign_in` comes first. All leave everything as it was."""


def run(stack: Stack, questions: tuple[Question, ...] = QUESTIONS) -> bool:
    """Ask the questions in order, print a row for each and a summary, and return True if all is good."""
    started, check, failed = time.monotonic(), Check(stack), []
    print_line(f"{'check':<12} {'result':<6}  seen")
    print_line(f"{'-' * 12} {'-' * 6}  {'-' * 60}")
    for question in questions:
        try:
            wrong = list(question(check))
        except (OSError, HTTPException, LookupError, subprocess.CalledProcessError) as error:
            wrong = [f"broke off: {type(error).__name__}: {error}"]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        seen = f"{wrong[0]}{more}" if wrong else question.__doc__
        name = question.__name__.replace("_", "-")
        print_line(f"{name:<12} {'FAILED' if wrong else 'ok':<6}  {seen}")
        failed += [name] if wrong else []
    size = readable(sum(exchange.size for exchange in check.seen))
    result = f"{len(failed)} failed: {', '.join(failed)}" if failed else "all good"
    seconds = time.monotonic() - started
    print_line(f"{len(questions)} checks in {seconds:.1f} s, {len(check.seen)} requests, {size}: {result}")
    return not failed
