"""What all errors have in common. conftest.py reads the message of each error that a test of this folder causes."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from xaccel import errors
from xaccel.errors import ConfigError, ConfigErrors, InputRefused, KeyRefused, XaccelError


def test_all_errors_have_one_root() -> None:
    classes = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    assert all(issubclass(kind, XaccelError) for kind in classes)


def test_refused_input_is_a_value_error() -> None:
    assert issubclass(InputRefused, ValueError)
    assert not issubclass(ConfigError, ValueError)


@pytest.mark.parametrize(
    ("what", "remedy"),
    [("it is empty.", "Give one."), ("it is empty", "give one."), ("it is\nempty", "Give one.")],
)
def test_a_message_of_another_form_fails_the_test_that_causes_it(what: str, remedy: str) -> None:
    with pytest.raises(AssertionError, match="key: it is"):
        KeyRefused(what, where="key", remedy=remedy)


def test_collected_problems_are_listed_one_per_line() -> None:
    problems = [
        ConfigError("one is wrong", where="A", remedy="Mend one."),
        ConfigError("two", where="B", remedy="Do."),
    ]
    told = ConfigErrors(problems)
    assert told.problems == tuple(problems)
    assert str(told) == "2 problem(s) in the configuration:\n  A: one is wrong. Mend one.\n  B: two. Do."


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        KeyRefused("it is empty", where="key", remedy="Give one."),
        ConfigErrors([ConfigError("one is wrong", where="A", remedy="Mend one.")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_a_process_boundary(error: XaccelError, again: Callable[[Any], Any]) -> None:
    arrived = again(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert (arrived.what, arrived.where, arrived.remedy) == (error.what, error.where, error.remedy)
