"""A table of settings: a dataclass gives names, types, defaults and checks, and settings.toml the words.

`build` reads a mapping by the table. Its errors and the reference pages have the words.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from xaccel.errors import ConfigError

T = TypeVar("T")
Wrong = tuple[str, str]
"""The error of a value, and the remedy."""

_DESCRIBED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@cache
def words() -> Mapping[str, Any]:
    """Return settings.toml."""
    return tomllib.loads(Path(__file__).with_name("settings.toml").read_text(encoding="utf-8"))


def wrong(name: str, /, **values: object) -> Wrong:
    """Return an error of the table [wrong] in settings.toml, with its values."""
    what, remedy = words()["wrong"][name]
    return what.format(**values), remedy.format(**values)


def problem(place: str, name: str, /, **values: object) -> ConfigError:
    """Return the same error of the setting at `place`."""
    what, remedy = wrong(name, **values)
    return ConfigError(what, where=place, remedy=remedy)


def _plain(value: Any) -> Any:
    """Return lists as tuples and a mapping as a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `kind`, `key`, `hint` and `field` come from its dataclass; `key` only if it has another name.

    normal: from what users may write to a value of the field's type. ok: whether a value, or each item of a list or
    mapping, is what settings.toml says. check: for a setting that can be wrong in several ways. needs: an option that
    must be there too. excludes: options that must not.
    """

    ok: Callable[[Any], object] = lambda value: True
    check: Callable[[Any], Iterable[Wrong]] = lambda value: ()
    normal: Callable[[Any], Any] = _plain
    needs: str = ""
    excludes: tuple[str, ...] = ()
    kind: str = ""
    key: str = ""
    hint: Any = None
    field: dataclasses.Field[Any] = dataclasses.field(default_factory=dataclasses.field)

    @property
    def words(self) -> Mapping[str, str]:
        """The entry of settings.toml; origins of two types may share an option."""
        found: Mapping[str, str] = words().get(self.kind, {}).get(self.key) or words()[self.key]
        return found

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.field.default is dataclasses.MISSING and self.field.default_factory is dataclasses.MISSING

    def wrong(self, value: Any, given: Mapping[Any, Any]) -> Iterator[Wrong]:
        """Yield what is wrong with a `value` that is `given` among others."""
        normal, remedy = self.normal(value), f"Write for example {self.words['example']}."
        if not _fits(self.hint, normal):
            shown = repr(value) if self.field.repr else "what is given (a secret, not shown)"
            yield f"{shown} is not {_described(self.hint)}", remedy
            return
        is_mapping = isinstance(normal, Mapping)
        items = normal.items() if is_mapping else normal if isinstance(normal, tuple) else [normal]
        for item in items:
            if not self.ok(item):
                yield f"{dict([item]) if is_mapping else item!r} is not {self.words['is']}", remedy
        yield from self.check(normal)
        if self.needs and given.get(self.needs) is None:
            yield wrong("needs", key=self.key, other=self.needs)
        for other in filter(given.get, self.excludes):
            yield wrong("excludes", key=self.key, other=other)


def required(**checks: Any) -> dict[str, Setting]:
    """Return the metadata of a field without default; the arguments are those of `Setting`."""
    return {"setting": Setting(**checks)}


def option(default: T, *, secret: bool = False, **checks: Any) -> T:
    """Return a field with a default; the other arguments are those of `Setting`."""
    metadata = required(**checks)
    if isinstance(default, dict):
        return field(default_factory=dict, repr=not secret, hash=False, metadata=metadata)  # type: ignore[return-value]
    return field(default=default, repr=not secret, metadata=metadata)


@cache
def table(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass: its own fields, then those that it inherits."""
    hints = get_type_hints(kind)
    own = sorted(dataclasses.fields(kind), key=lambda one: one.name not in kind.__annotations__)
    return tuple(
        replace(row, kind=kind.__name__, key=row.key or one.name, hint=hints[one.name], field=one)
        for one in own
        for row in [one.metadata.get("setting", Setting())]
    )


def build(
    kind: type[T],
    given: Mapping[Any, Any],
    where: str,
    found: list[ConfigError],
    *,
    more: Collection[str] = (),
    upper: bool = False,
) -> T | None:
    """Make a `kind` of what is `given`; None if anything is wrong. All problems go to `found`.

    None as a value means the default. more: valid names that are read elsewhere. upper: the names are in upper case.
    """
    before = len(found)
    rows = {row.key.upper() if upper else row.key: row for row in table(kind)}  # type: ignore[arg-type]
    valid = sorted({*rows, *more})
    for name in given:
        if name not in valid:
            kind_of_name = "a setting" if upper else "an option"
            found.append(problem(where, "unknown", name=name, kind=kind_of_name, valid=", ".join(valid)))
    values: dict[str, Any] = {}
    for name, row in rows.items():
        value, place = given.get(name), f'{where}["{name}"]'
        nested = next(filter(dataclasses.is_dataclass, get_args(row.hint)), None)
        if value is None:
            if row.required:
                found.append(problem(where, "missing", name=name))
        elif nested and isinstance(value, Mapping):
            values[row.field.name] = build(nested, value, place, found)  # type: ignore[arg-type]
        else:
            found += [
                ConfigError(what, where=place, remedy=remedy) for what, remedy in row.wrong(value, given)
            ]
            values[row.field.name] = row.normal(value)
    return kind(**values) if len(found) == before else None


def _fits(hint: Any, value: Any) -> bool:
    """Tell whether a value has the type of a field: plain ones, Literal, tuples, Mapping and unions of them."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in args
    if origin is tuple and isinstance(value, tuple):
        kinds = args[:1] * len(value) if args[-1] is Ellipsis else args
        return len(kinds) == len(value) and all(map(_fits, kinds, value))
    if origin is Mapping and isinstance(value, Mapping):
        return all(_fits(args[0], key) and _fits(args[1], item) for key, item in value.items())
    if origin in {tuple, Mapping}:
        return False
    if args:
        return any(_fits(kind, value) for kind in args)
    return isinstance(value, int | float if hint is float else hint) and isinstance(value, bool) == (
        hint is bool
    )


def _described(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, args))}"
    if origin is tuple:
        return f"a list, each {_described(args[0])}" if args[-1] is Ellipsis else "a pair"
    if origin is not Mapping and args:
        return _described(next(kind for kind in args if kind is not NoneType))
    return _DESCRIBED.get(hint, "a mapping")
