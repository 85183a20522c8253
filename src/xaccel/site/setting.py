"""A table of settings: a dataclass gives names, types, defaults and checks, and settings.toml the words.

`build` reads a mapping by the table. Its errors and the reference pages have the words.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from xaccel.errors import ConfigError

T = TypeVar("T")
Test = Callable[[Any], object]
Rules = Mapping[str, Test]
"""Tests for a value that can be wrong in several ways, by the names of their errors in settings.toml."""

_DESCRIBED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@cache
def words() -> Mapping[str, Any]:
    """Return settings.toml."""
    return tomllib.loads(Path(__file__).with_name("settings.toml").read_text(encoding="utf-8"))


def problem(place: str, name: str, /, **values: object) -> ConfigError:
    """Return an error at `place` with the words of the table [wrong] in settings.toml."""
    what, remedy = (text.format(**values) for text in words()["wrong"][name])
    return ConfigError(what, where=place, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: a field of a dataclass, and its metadata. `key` is as users write it: in settings.toml.

    wrap_single: makes a list or mapping of one value. ok: whether a value, or each item of a list or mapping, is what
    settings.toml says. rules: more tests of it; whole: those of a whole list. needs: an option that must be there too.
    excludes: options that must not. in_nginx: whether NGINX's configuration depends on it.
    """

    kind: str
    key: str
    hint: Any
    field: dataclasses.Field[Any]
    wrap_single: Callable[[Any], Any] = lambda value: value
    ok: Test = lambda value: True
    rules: Rules = dataclasses.field(default_factory=dict)
    whole: Rules = dataclasses.field(default_factory=dict)
    needs: str = ""
    excludes: tuple[str, ...] = ()
    in_nginx: bool = True

    @property
    def words(self) -> dict[str, str]:
        """The entry of settings.toml; origins of two types may share an option."""
        found: dict[str, str] = words().get(self.kind, {}).get(self.key) or words()[self.key]
        return found

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.field.default is dataclasses.MISSING and self.field.default_factory is dataclasses.MISSING

    def read(self, value: Any, given: Mapping[Any, Any], place: str, found: list[ConfigError]) -> Any:
        """Return a `value` that is `given` among others as the field has it. All problems go to `found`."""
        hint = get_args(self.hint)[0] if NoneType in get_args(self.hint) else self.hint
        if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            return build(hint, value, place, found)  # type: ignore[arg-type]
        try:
            taken = _taken(
                hint, value if isinstance(value, Mapping | list | tuple) else self.wrap_single(value)
            )
        except (TypeError, ValueError):
            name = "not" if self.field.repr else "secret_not"
            found.append(problem(place, name, value=value, **self.words | {"is": _described(hint)}))
            return None
        by_name = isinstance(taken, Mapping)
        items = taken.items() if by_name else taken if isinstance(taken, tuple) else [taken]
        for item, rules in [*((item, {"not": self.ok, **self.rules}) for item in items), (taken, self.whole)]:
            broken = next((name for name, test in rules.items() if not test(item)), None)
            if broken is not None:
                shown = dict([item]) if by_name else item
                found.append(problem(place, broken, value=shown, item=item, **self.words))
        if self.needs and given.get(self.needs) is None:
            found.append(problem(place, "needs", other=self.needs))
        found += [problem(place, "excludes", other=other) for other in self.excludes if given.get(other)]
        return taken


def option(default: T, *, secret: bool = False, **checks: Any) -> T:
    """Return a field with a default; the other arguments are those of `Setting`, as is the metadata of any field."""
    if isinstance(default, dict):
        return field(default_factory=dict, repr=not secret, hash=False, metadata=checks)  # type: ignore[return-value]
    return field(default=default, repr=not secret, metadata=checks)


@cache
def table(kind: type) -> dict[str, Setting]:
    """Return the settings of a dataclass by their keys. Those of inherited fields come last."""
    hints, keys = get_type_hints(kind), words().get(kind.__name__, {})
    rows: list[dict[str, Any]] = [
        {"key": one.name.upper() if one.name.upper() in keys else one.name, "field": one, **one.metadata}
        for one in sorted(dataclasses.fields(kind), key=lambda one: one.name not in kind.__annotations__)
    ]
    return {row["key"]: Setting(**row, kind=kind.__name__, hint=hints[row["field"].name]) for row in rows}


def build(
    kind: type[T], given: Mapping[Any, Any], where: str, found: list[ConfigError], more: Collection[str] = ()
) -> T | None:
    """Make a `kind` of what is `given`; None if anything is wrong. All problems go to `found`.

    None as a value means the default; a problem may be a value. more: valid names that are read elsewhere.
    """
    before, rows = len(found), table(kind)  # type: ignore[arg-type]
    valid = sorted({*rows, *more})
    what = "a setting" if valid[0].isupper() else "an option"
    unknown = [name for name in given if name not in valid]
    found += [problem(where, "unknown", name=name, kind=what, valid=", ".join(valid)) for name in unknown]
    values: dict[str, Any] = {}
    for name, row in rows.items():
        value = given.get(name)
        if isinstance(value, ConfigError):
            found.append(value)
        elif value is not None:
            values[row.field.name] = row.read(value, given, f'{where}["{name}"]', found)
        elif row.required:
            found.append(problem(where, "missing", name=name))
    return kind(**values) if len(found) == before else None


def _taken(hint: Any, value: Any) -> Any:
    """Return a value in the type of a field: lists as tuples, keys of a file as numbers.

    Raises TypeError or ValueError for a value of another type.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, tuple | list):
        kinds = args[:1] * len(value) if args[-1] is Ellipsis else args
        return tuple(_taken(kind, item) for kind, item in zip(kinds, value, strict=True))
    if origin is Mapping and isinstance(value, Mapping):
        pairs = [(int(key) if args[0] is int and str(key).isdecimal() else key, value[key]) for key in value]
        if get_origin(args[1]) is tuple:
            pairs = [(key, item if isinstance(item, tuple | list) else [item]) for key, item in pairs]
        return dict(_taken(tuple[tuple[args], ...], pairs))  # type: ignore[valid-type]
    if origin is Literal and value in args:
        return value
    plain = origin in {None, UnionType} and isinstance(value, int | float if hint is float else hint)
    if not plain or isinstance(value, bool) != (hint is bool):
        raise TypeError
    return value


def _described(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, args))}"
    if origin is tuple:
        return f"a list, each {_described(args[0])}" if args[-1] is Ellipsis else "a pair"
    return _DESCRIBED.get(hint, "a mapping")
