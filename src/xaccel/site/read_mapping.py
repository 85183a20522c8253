"""Read a site from a mapping with the keys of settings.XACCEL, or from a file; all problems are reported together."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.rules import is_absolute, secrets
from xaccel.site.setting import Wrong, build, option, problem, table, wrong
from xaccel.site.site import Site

KEYS = frozenset(row.key.upper() for row in table(Site))
"""The keys, in upper case."""
TYPES: Mapping[str, type[Origin]] = {kind.type: kind for kind in (S3Origin, HTTPOrigin, LocalOrigin)}
SiteSource = Site | Mapping[str, Any] | str | PathLike[str]
"""A site as it is, a mapping with the keys of settings.XACCEL, or the path of a file with them."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """The keys that can be given in place of `SECRET`."""

    secret_env: str = option("", ok=bool)
    secret_file: str = option("", ok=is_absolute)


SECRET_KEYS = tuple(row.key.upper() for row in table(SecretSource))

_NOT_READ = "0" * 32
"""Replaces a secret that has its own problem in the list, so that none is reported twice."""


def site_of(source: SiteSource) -> Site:
    """Return the site that `source` means. A file is TOML, or JSON if its name ends in .json, in UTF-8.

    Raises ConfigErrors with every problem, and ConfigError for a file that cannot be read.
    """
    if isinstance(source, Site):
        return source
    if isinstance(source, Mapping):
        return read(source)
    file = fspath(source)
    try:
        text = Path(file).read_text(encoding="utf-8")
        mapping = json.loads(text) if Path(file).suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise problem(file, "file", reason=error) from error
    return read(mapping, file)


def read(mapping: Mapping[str, Any], where: str = "XACCEL", *, more_keys: Iterable[str] = ()) -> Site:
    """Make a Site of `mapping`, whose keys may be in lower case. `more_keys` are read elsewhere.

    Raises ConfigErrors with every problem, each at a path that starts with `where`.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigErrors([problem(where, "mapping", value=mapping)])
    found: list[ConfigError] = []
    values = {str(key).upper(): value for key, value in mapping.items()}
    _take_secret(values, where, found)
    values["SECRET"] = values.get("SECRET") or ()
    values["ORIGINS"] = _origins(values.get("ORIGINS"), f'{where}["ORIGINS"]', found)
    site = build(Site, values, where, found, more=(*SECRET_KEYS, *more_keys), upper=True)
    cached = [name for name, one in values["ORIGINS"].items() if getattr(one, "cache", False)]
    if cached and values.get("CACHE") is None:
        found.append(problem(f'{where}["CACHE"]', "no_cache", origin=cached[0]))
    if found or site is None:
        raise ConfigErrors(found)
    return site


def _take_secret(values: MutableMapping[str, Any], where: str, found: list[ConfigError]) -> None:
    """Replace SECRET_ENV or SECRET_FILE in `values` by SECRET. All problems go to `found`."""
    given = {key: values[key] for key in ("SECRET", *SECRET_KEYS) if values.get(key) is not None}
    if len(given) > 1:
        found.append(problem(where, "several_secrets", names=" and ".join(given)))
        values["SECRET"] = _NOT_READ
    elif given and "SECRET" not in given:
        source = build(SecretSource, given, where, found, upper=True)
        text, said = ("", []) if source is None else _read(source)
        found += [ConfigError(what, where=f'{where}["{min(given)}"]', remedy=remedy) for what, remedy in said]
        values["SECRET"] = text.split() or _NOT_READ


def _read(source: SecretSource) -> tuple[str, list[Wrong]]:
    """Return the text with the secrets, and what is wrong with it."""
    name = source.secret_env or source.secret_file
    place = f"the environment variable {name}" if source.secret_env else f"the file {name}"
    try:
        text = os.environ[name] if source.secret_env else Path(name).read_text(encoding="utf-8")
    except KeyError:
        return "", [wrong("secret_not_set", place=place)]
    except FileNotFoundError:
        return "", [wrong("secret_missing", place=place)]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        return "", [wrong("secret_unreadable", place=place, reason=reason)]
    if not text.split():
        return "", [wrong("secret_empty", place=place)]
    found = [(f"{place}: {what}", remedy) for what, remedy in secrets(tuple(text.split()))]
    return "" if found else text, found


def _origins(given: Any, where: str, found: list[ConfigError]) -> dict[str, Origin]:
    if not isinstance(given, Mapping) or not given:
        found.append(problem(where, "no_origin"))
        return {}
    origins: dict[str, Origin] = {}
    for name, entry in given.items():
        path = f'{where}["{name}"]'
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            found.append(problem(path, "origin_name", name=name))
        if (origin := _origin(entry, path, found)) is not None:
            origins[str(name)] = origin
    return origins


def _origin(entry: Any, path: str, found: list[ConfigError]) -> Origin | None:
    """Return the origin of one entry, which may be an origin already; all problems go to `found`."""
    if isinstance(entry, Origin):
        fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
        return build(type(entry), fields, path, found)
    if not isinstance(entry, Mapping):
        found.append(problem(path, "origin", entry=entry))
        return None
    kind = TYPES.get(str(entry.get("type")))
    if kind is not None:
        return build(kind, entry, path, found, more=("type",))
    valid = ", ".join(map(repr, TYPES))
    found.append(problem(f'{path}["type"]', "type", type=entry.get("type"), valid=valid))
    return None
