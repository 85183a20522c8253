"""All questions in order, on servers as they are or on ones that were broken first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from subprocess import CalledProcessError

from portal.demo.check import (
    app_killed,
    audit_trail,
    decisions,
    downloads,
    first_page,
    forgery,
    head,
    internal,
    line_log,
    logs,
    not_modified,
    origin_view,
    ranges,
    refusals,
    revocation,
    servers,
    sign_in,
    storage_errors,
    table,
    traces,
)
from portal.demo.check.answer import Answer, Question
from portal.demo.check.scene import Scene
from portal.demo.failures import FAILURES, broken
from portal.demo.stack import Stack

QUESTIONS: tuple[Question, ...] = (
    sign_in.ask,
    first_page.ask,
    downloads.ask,
    head.ask,
    ranges.ask,
    not_modified.ask,
    refusals.ask,
    revocation.ask,
    internal.ask,
    forgery.ask,
    origin_view.ask,
    storage_errors.ask,
    decisions.ask,
    audit_trail.ask,
    line_log.ask,
    logs.ask,
    traces.ask,
    servers.ask,
)
"""Those that leave everything as it was."""


def check_all(stack: Stack) -> bool:
    """Run all checks, print the table, and return True if all passed. The app is dead afterwards."""
    return all(answer.ok for answer in _print_answers(stack, (*QUESTIONS, app_killed.ask)))


def expect_failure(stack: Stack, name: str) -> bool:
    """Check the servers, break them, check again, and return True if a check meant for this break found it.

    The meant checks must be good before: one that always fails finds nothing.
    """
    failure = FAILURES[name]
    print(f"\nBefore the break {name!r}: {failure.what}.")
    if not {answer.check for answer in ask(stack, failure.question) if answer.ok} >= failure.meant:
        print(f"{name}: the check for it does not pass on sound servers")
        return False
    return find_break(stack, name)


def find_break(stack: Stack, name: str) -> bool:
    """Break the running servers, check, repair them, and return True if a check meant for this break failed.

    That finds a break only if the check passes on sound servers, which the caller shows.
    """
    failure = FAILURES[name]
    with broken(stack, name):
        print(f"\nAfter the break {name!r}:")
        failed = {answer.check for answer in ask(stack, failure.question) if not answer.ok}
    found = failure.meant & failed
    print(f"{name}: {'found by ' + ', '.join(sorted(found)) if found else 'NOT found'}")
    return bool(found)


def ask(stack: Stack, question: str) -> list[Answer]:
    """Run the checks of that module alone, print the table, and return the results."""
    stack.forget_logs()
    return _print_answers(stack, [asked for asked in QUESTIONS if _module(asked) == question])


def _module(question: Question) -> str:
    return question.__module__.rpartition(".")[2]


def _print_answers(stack: Stack, questions: Iterable[Question]) -> list[Answer]:
    started, answers = time.monotonic(), []
    print(table.heading())
    for answer in _answers(Scene(stack), questions):
        print(table.row(answer))
        answers.append(answer)
    print(table.summary(answers, time.monotonic() - started))
    return answers


def _answers(scene: Scene, questions: Iterable[Question]) -> Iterator[Answer]:
    for question in questions:
        try:
            yield from question(scene)
        except (OSError, HTTPException, LookupError, CalledProcessError) as error:
            name = _module(question).replace("_", "-")
            yield Answer(name, False, f"broke off: {type(error).__name__}: {error}")
