"""Read a site from a mapping with the keys of settings.XACCEL, or from a file; all problems are reported together."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site import secret_source
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin
from xaccel.site.setting import build, problem, table
from xaccel.site.site import Site

KEYS = frozenset(row.key.upper() for row in table(Site))
"""The keys, in upper case."""
TYPES: Mapping[str, type[Origin]] = {kind.type: kind for kind in (S3Origin, HTTPOrigin, LocalOrigin)}
SiteSource = Site | Mapping[str, Any] | str | PathLike[str]
"""A site as it is, a mapping with the keys of settings.XACCEL, or the path of a file with them."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")


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
    """Make a Site of `mapping`, whose keys are those of KEYS in upper or lower case; `more_keys` are read elsewhere.

    Raises ConfigErrors with every problem, each at a path that starts with `where`.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigErrors([problem(where, "mapping", value=mapping)])
    found: list[ConfigError] = []
    values = {str(key).upper(): value for key, value in mapping.items()}
    secret_source.take_secret(values, where, found)
    values["SECRET"] = values.get("SECRET") or ()
    values["ORIGINS"] = _origins(values.get("ORIGINS"), f'{where}["ORIGINS"]', found)
    site = build(Site, values, where, found, more=(*secret_source.KEYS, *more_keys), upper=True)
    cached = [name for name, one in values["ORIGINS"].items() if getattr(one, "cache", False)]
    if cached and values.get("CACHE") is None:
        found.append(problem(f'{where}["CACHE"]', "no_cache", origin=cached[0]))
    if found or site is None:
        raise ConfigErrors(found)
    return site


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
