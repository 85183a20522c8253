"""Read the origins of a site."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.setting import build

TYPES: Mapping[str, type[Origin]] = {kind.type: kind for kind in (S3Origin, HTTPOrigin, LocalOrigin)}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")


def read_origins(given: Any, where: str, found: list[ConfigError]) -> dict[str, Origin]:
    """Return the origins by name; all problems go to `found`."""
    if not isinstance(given, Mapping) or not given:
        remedy = 'Name one: {"documents": {"type": "s3", "bucket": "…"}}.'
        found.append(ConfigError("no origin is configured", where=where, remedy=remedy))
        return {}
    origins: dict[str, Origin] = {}
    for name, entry in given.items():
        path = f'{where}["{name}"]'
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
            origins[str(name)] = origin
    return origins


def _origin(entry: Any, path: str, found: list[ConfigError]) -> Origin | None:
    if isinstance(entry, Origin):
        return build(
            type(entry),
            {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)},
            path,
            found,
            of="an option",
        )
    if not isinstance(entry, Mapping):
        remedy = 'Write {"type": "s3", "bucket": "…"}.'
        found.append(ConfigError(f"{entry!r} is not an origin", where=path, remedy=remedy))
        return None
    kind = TYPES.get(str(entry.get("type")))
    if kind is None:
        remedy = (
            'Write {"type": "s3", "bucket": "…"}, or in Django {"storage": "default"}.'
            if {"BACKEND", "STORAGE"} & entry.keys()
            else f"Valid values: {', '.join(map(repr, TYPES))}."
        )
        found.append(
            ConfigError(
                f"{entry.get('type')!r} is not a type of origin", where=f'{path}["type"]', remedy=remedy
            )
        )
        return None
    return build(kind, entry, path, found, of=f"an option of the type {kind.type!r}", more=("type",))
