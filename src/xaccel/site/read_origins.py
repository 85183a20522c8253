"""From the "ORIGINS" of a mapping to origins, with every problem told."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site import check_origins
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin

TYPES: Mapping[str, type[Origin]] = {kind.type: kind for kind in (S3Origin, HTTPOrigin, LocalOrigin)}

RENAMED = {
    "LOG": "TRANSFER_LOG",
    "SECRETS": "SECRET",
    "missing_as_403": "treat_403_as_404",
    "servers": "connect_to",
    "signed_for_s": "expires_s",
}
"""Names before 0.1, and today's."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")


def valid_names(name: object, valid: Iterable[str], of: str) -> str:
    """Return the remedy for the unknown `name`: its new name, or all `valid` ones."""
    renamed = RENAMED.get(str(name))
    return f"It is named {renamed!r} now." if renamed else f"Valid {of}: {', '.join(sorted(valid))}."


def upper_keys(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).upper(): value for key, value in mapping.items()}


def read_origins(values: Mapping[str, Any], where: str, found: list[ConfigError]) -> dict[str, Origin]:
    given = values.get("ORIGINS")
    if not isinstance(given, Mapping) or not given:
        found.append(
            ConfigError(
                "no origin is configured",
                where=f'{where}["ORIGINS"]',
                remedy='Name one: {"documents": {"type": "s3", "bucket": "…"}}.',
            )
        )
        return {}
    origins: dict[str, Origin] = {}
    for name, entry in given.items():
        path = f'{where}["ORIGINS"]["{name}"]'
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            found.append(
                ConfigError(
                    f"{name!r} is not a name for an origin",
                    where=path,
                    remedy="Use lower case letters, digits, '-' and '_', 30 characters at most.",
                )
            )
        origin = _origin(entry, path, found)
        if origin is not None:
            found.extend(check_origins.problems(origin, path))
            origins[str(name)] = origin
    return origins


def _origin(entry: object, path: str, found: list[ConfigError]) -> Origin | None:
    if isinstance(entry, (S3Origin, HTTPOrigin, LocalOrigin)):
        entry = {"type": entry.type, **_values(entry)}
    if not isinstance(entry, Mapping):
        found.append(
            ConfigError(
                f"{entry!r} is not an origin", where=path, remedy='Write {"type": "s3", "bucket": "…"}.'
            )
        )
        return None
    options = {name: value for name, value in entry.items() if name != "type"}
    kind = TYPES.get(str(entry.get("type")))
    if kind is None:
        found.append(
            ConfigError(
                f"{entry.get('type')!r} is not a type of origin",
                where=f'{path}["type"]',
                remedy='Write {"type": "s3", "bucket": "…"}, or in Django {"storage": "default"}.'
                if {"BACKEND", "STORAGE"} & entry.keys()
                else f"Valid values: {', '.join(map(repr, TYPES))}.",
            )
        )
        return None
    before = len(found)
    found.extend(_option_problems(kind, options, path))
    if len(found) > before:
        return None
    plain: dict[str, Any] = {
        name: tuple(value)
        if isinstance(value, list)
        else dict(value)
        if isinstance(value, Mapping)
        else value
        for name, value in options.items()
    }
    return kind(**plain)


def _values(origin: Origin) -> dict[str, Any]:
    return {field.name: getattr(origin, field.name) for field in dataclasses.fields(origin)}


def _option_problems(kind: type[Origin], options: Mapping[Any, Any], path: str) -> Iterator[ConfigError]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in options:
        if name not in fields:
            yield ConfigError(
                f"{name!r} is not an option of the type {kind.type!r}",
                where=path,
                remedy=valid_names(name, fields, "options"),
            )
    for name, field in fields.items():
        value = options.get(name)
        if name not in options:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                yield ConfigError(
                    f"the option {name!r} is missing",
                    where=path,
                    remedy=f"Give {name!r}: it has no default.",
                )
        elif not _fits(str(field.type), value):
            shown = repr(value) if field.repr else "what is given (a secret, not shown)"
            yield ConfigError(
                f"{shown} is not a value for {name!r}", where=path, remedy=f"Its type is {field.type}."
            )


def _fits(annotation: str, value: object) -> bool:
    if value is None:
        return "None" in annotation
    if annotation.startswith("tuple"):
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and all(isinstance(item, str) for item in value)
        )
    if annotation.startswith("Mapping"):
        return isinstance(value, Mapping) and all(
            isinstance(item, str) for pair in value.items() for item in pair
        )
    if annotation.startswith("bool") or isinstance(value, bool):
        return annotation.startswith("bool") and isinstance(value, bool)
    return isinstance(value, int if annotation.startswith("int") else str)
