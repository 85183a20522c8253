"""A table of settings: a dataclass whose fields have a `Setting` in their metadata.

The field gives name, type and default. The `Setting` adds the check, the remedy, and the sentences of the
documentation. `build` reads a mapping by the table; the reference pages print the same table.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from xaccel.errors import ConfigError

T = TypeVar("T")
Wrong = tuple[str, str]
"""The error of a value, and the remedy."""
Check = Callable[[Any], Iterable[Wrong]]

_DESCRIBED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A check: `ok` is a function, or a pattern for the full value. "{}" in `wrong` stands for the value."""

    ok: Callable[[Any], object] | re.Pattern[str]
    wrong: str
    remedy: str

    def __call__(self, value: Any) -> Iterator[Wrong]:
        """Yield what is wrong with `value`, if anything."""
        ok = self.ok.fullmatch if isinstance(self.ok, re.Pattern) else self.ok
        if not ok(value):
            yield self.wrong.replace("{}", repr(value)), self.remedy


def first_of(*checks: Check) -> Check:
    """Return a check that stops at the first of `checks` that finds something."""
    return lambda value: next(filter(None, (list(check(value)) for check in checks)), [])


def _right(_: Any) -> Iterable[Wrong]:
    return ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `key`, `hint` and `field` come from its dataclass; `key` only if the setting has another name.

    doc: sentences for the reference. check: of a value, or of each item of a list. read: for a value that users write
    in another form; it returns the value, and what is wrong. example: as written in Python. needs: an option
    that must be there too. excludes: options that must not. optional: None means the default.
    """

    doc: str
    check: Check = _right
    _: KW_ONLY
    read: Callable[[Any], tuple[Any, list[Wrong]]] | None = None
    example: str = ""
    needs: str = ""
    excludes: tuple[str, ...] = ()
    optional: bool = False
    key: str = ""
    hint: Any = None
    field: dataclasses.Field[Any] = dataclasses.field(default_factory=dataclasses.field)

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.field.default is dataclasses.MISSING and self.field.default_factory is dataclasses.MISSING

    def wrong(self, value: Any, given: Mapping[Any, Any]) -> Iterator[Wrong]:
        """Yield what is wrong with a `value` that is `given` among others."""
        if not _fits(self.hint, value):
            shown = repr(value) if self.field.repr else "what is given (a secret, not shown)"
            wanted = _described(self.hint)
            yield (
                f"{shown} is not {wanted}",
                f"Write {f'for example {self.example}' if self.example else wanted}.",
            )
        elif value is not None:
            for item in value if isinstance(value, tuple | list) else [value]:
                yield from self.check(item)
            if self.needs and given.get(self.needs) is None:
                yield f"{self.key} is nothing without {self.needs}", "Give both, or neither."
            for other in filter(given.get, self.excludes):
                yield f"{self.key} excludes {other}", "Give one of them only."


def described(doc: str, check: Check = _right, **more: Any) -> dict[str, Setting]:
    """Return the metadata of a field without default."""
    return {"setting": Setting(doc, check, **more)}


def option(default: T, doc: str, check: Check = _right, *, secret: bool = False, **more: Any) -> T:
    """Return a field with a default; the other arguments are those of `Setting`."""
    metadata = described(doc, check, **more)
    if isinstance(default, dict):
        return field(default_factory=dict, repr=not secret, hash=False, metadata=metadata)  # type: ignore[return-value]
    return field(default=default, repr=not secret, metadata=metadata)


@lru_cache(maxsize=32)
def table(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass: its own fields, then those that it inherits."""
    hints = get_type_hints(kind)
    own = sorted(dataclasses.fields(kind), key=lambda one: one.name not in kind.__annotations__)
    return tuple(
        replace(row, key=row.key or one.name, hint=hints[one.name], field=one)
        for one in own
        for row in [one.metadata["setting"]]
    )


def build(
    kind: type[T],
    given: Mapping[Any, Any],
    where: str,
    found: list[ConfigError],
    *,
    of: str,
    more: Collection[str] = (),
    upper: bool = False,
) -> T | None:
    """Make a `kind` of what is `given`; None if a value without a default is missing. All problems go to `found`.

    A wrong value counts as left out, so that the others are checked too. of: what an unknown name is not, such as
    "a setting". more: valid names that are read elsewhere. upper: whether the names are in upper case.
    """

    def report(place: str, wrong: Iterable[Wrong]) -> bool:
        problems = [ConfigError(what, where=place, remedy=remedy) for what, remedy in wrong]
        found.extend(problems)
        return bool(problems)

    rows = {row.key.upper() if upper else row.key: row for row in table(kind)}  # type: ignore[arg-type]
    valid = {*rows, *more}
    unknown = [name for name in given if name not in valid]
    report(
        where, [(f"{name!r} is not {of}", f"Valid names: {', '.join(sorted(valid))}.") for name in unknown]
    )
    values: dict[str, Any] = {}
    for name, row in rows.items():
        value, place, own = given.get(name), f'{where}["{name}"]', row.field.name
        nested = next(filter(dataclasses.is_dataclass, get_args(row.hint)), None)
        if name not in given or (value is None and row.optional):
            if row.required:
                report(where, [(f"the option {name!r} is missing", "It has no default: give it.")])
        elif row.read is not None:
            values[own], wrong = row.read(value)
            report(place, wrong)
        elif nested and isinstance(value, Mapping):
            values[own] = build(nested, value, place, found, of=f"an option of {name}")  # type: ignore[arg-type]
        elif not report(place, row.wrong(value, given)) or _fits(row.hint, value):
            values[own] = _plain(value)
    if any(row.required and row.field.name not in values for row in rows.values()):
        return None
    return kind(**values)


def _fits(hint: Any, value: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in args
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(args[0], item) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(kind, item) for pair in value.items() for kind, item in zip(args, pair, strict=True)
        )
    if args:
        return any(_fits(kind, value) for kind in args)
    return isinstance(value, int | float if hint is float else hint) and (
        hint is bool or not isinstance(value, bool)
    )


def _described(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, args))}"
    if origin is tuple:
        return f"a list, each {_described(args[0])}"
    if origin is not Mapping and args:
        return _described(next(kind for kind in args if kind is not NoneType))
    return _DESCRIBED.get(hint, "a mapping")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return tuple(value) if isinstance(value, list) else value
