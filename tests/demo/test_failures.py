"""Every named break is found by the check that is meant for it, and mended again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from portal.demo.app_breaks import BREAKS as APP_BREAKS
from portal.demo.check import run
from portal.demo.failures import FAILURES
from portal.demo.nginx_breaks import BREAKS as NGINX_BREAKS
from portal.demo.rewrite import NothingChanged
from portal.demo.stack import Stack
from xaccel.nginx import Parts


@pytest.fixture(scope="module")
def found(stack: Stack) -> Iterator[list[str]]:
    """Names of the breaks that were found: at the end their checks must pass on the same servers.

    A check that fails then always fails, or a break was not mended.
    """
    names: list[str] = []
    yield names
    answers = [
        answer
        for question in {FAILURES[name].question for name in names}
        for answer in run.ask(stack, question)
    ]
    passed = {answer.check for answer in answers if answer.ok}
    assert {check for name in names for check in FAILURES[name].meant} <= passed, answers


@pytest.mark.parametrize("name", FAILURES)
def test_break_is_found(
    name: str, stack: Stack, found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.find_break(stack, name), capsys.readouterr().out
    found.append(name)


def test_check_that_always_fails_finds_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    impossible = dataclasses.replace(FAILURES["secret-missing"], meant=frozenset({"no-such-check"}))
    monkeypatch.setitem(FAILURES, "secret-missing", impossible)
    assert not run.expect_failure(stack, "secret-missing")
    assert "does not pass on sound servers" in capsys.readouterr().out


@pytest.mark.parametrize("name", NGINX_BREAKS)
def test_break_of_text_without_its_directive_is_an_error(name: str) -> None:
    with pytest.raises(NothingChanged, match=name):
        NGINX_BREAKS[name](Parts(engine=(), http=(), server=(), app=()))


def test_every_break_has_a_check_and_a_question() -> None:
    assert FAILURES.keys() == APP_BREAKS.keys() | NGINX_BREAKS.keys()
    questions = {question.__module__.rpartition(".")[2] for question in run.QUESTIONS}
    for failure in FAILURES.values():
        assert failure.question in questions
        assert failure.meant
