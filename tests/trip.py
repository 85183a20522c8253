"""Count what a reader follows: the functions of xaccel that one download runs, file by file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import xaccel

PACKAGE = Path(xaccel.__file__).parent


@dataclass(frozen=True, slots=True)
class Trip:
    """The calls of one download, in order. A comprehension is no call."""

    codes: tuple[CodeType, ...]

    @property
    def calls(self) -> int:
        """How many functions were called, each as often as it was."""
        return len(self.codes)

    @property
    def stays(self) -> list[str]:
        """The files, one entry for each run of calls in the same file."""
        return [file for file, _ in groupby(_file_of(code) for code in self.codes)]

    @property
    def files(self) -> set[str]:
        """Every file that is met."""
        return set(self.stays)

    @property
    def returns(self) -> int:
        """How often a call goes to a file that the trip had left."""
        return len(self.stays) - len(self.files)

    @property
    def twice(self) -> set[str]:
        """The functions that run more than once."""
        return {_name_of(code) for code in self.codes if self.codes.count(code) > 1}

    def longer_than(self, lines: int) -> set[str]:
        """Return the functions with more lines, the docstring not counted."""
        return {_name_of(code) for code in self.codes if _lines(code) > lines}

    def wider_than(self, parameters: int) -> set[str]:
        """Return the functions with more parameters, `self` not counted."""
        return {_name_of(code) for code in self.codes if _parameters(code) > parameters}

    def __str__(self) -> str:
        """The figures, and every call."""
        figures = f"{len(self.files)} files, {self.calls} calls, {self.returns} returns"
        return "\n".join([figures, *map(_name_of, self.codes)])


def trip(download: Callable[[], Any]) -> Trip:
    """Call `download` once to warm up, and once more to follow it."""
    download()
    codes: list[CodeType] = []

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(f"{PACKAGE}/"):
            codes.append(code)

    before = sys.getprofile()
    sys.setprofile(record)
    try:
        download()
    finally:
        sys.setprofile(before)
    return Trip(tuple(code for code in codes if code.co_name not in _NO_FUNCTIONS))


def count_calls(work: Callable[[], Any]) -> int:
    """Count the calls of `work`, also those of other packages and of C functions."""
    made = 0

    def record(frame: FrameType, event: str, _: Any) -> None:
        nonlocal made
        made += 1

    sys.setprofile(record)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


_NO_FUNCTIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<module>"}


def _file_of(code: CodeType) -> str:
    return Path(code.co_filename).relative_to(PACKAGE).as_posix()


def _name_of(code: CodeType) -> str:
    return f"{_file_of(code)}: {code.co_qualname}"


def _lines(code: CodeType) -> int:
    return _lengths(code.co_filename).get(code.co_firstlineno, 0)


@cache
def _lengths(file: str) -> dict[int, int]:
    """Return the lines of each function of a file, by its first line, without docstrings."""
    found = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            text = node.body[0] if ast.get_docstring(node) is not None else None
            said = 0 if text is None else (text.end_lineno or 0) - text.lineno + 1
            found[first] = (node.end_lineno or 0) - node.lineno + 1 - said
    return found


def _parameters(code: CodeType) -> int:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    rest = bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    return len([name for name in names if name not in ("self", "cls")]) + rest
