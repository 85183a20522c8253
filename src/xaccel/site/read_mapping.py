"""Read a site from a mapping with the keys of settings.XACCEL, or from a file; all problems are reported together."""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, S3Origin, covers_many
from xaccel.site.protocol import ARCHIVES
from xaccel.site.rules import is_absolute, matches
from xaccel.site.setting import build, option, problem, table
from xaccel.site.site import CLASS_OF_ARCHIVES, Redirects, Site

TYPES: Mapping[str, type[Origin]] = {kind.type: kind for kind in (S3Origin, HTTPOrigin, LocalOrigin)}
SiteSource = Site | Mapping[str, Any] | str | PathLike[str]
"""A site as it is, a mapping with the keys of settings.XACCEL, or the path of a file with them."""
SITE_FILE = "XACCEL_SITE"
"""The environment variable with the path of a file, for Django projects without the setting XACCEL."""

_is_name = matches(r"[a-z0-9][a-z0-9_-]{0,29}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """The keys that can be given in place of `SECRET`."""

    secret_env: str = option("", ok=bool)
    secret_file: str = option("", ok=is_absolute)


SECRET_SOURCES = table(SecretSource)


def site_of(source: SiteSource) -> Site:
    """Return the site that `source` means. A file is TOML, or JSON if its name ends in .json, in UTF-8.

    Raises ConfigErrors with every problem, and ConfigError for a file that cannot be read.
    """
    if isinstance(source, Site):
        return source
    if isinstance(source, Mapping):
        return read(source)
    file = fspath(source)
    return read(read_file(file), file)


def read_file(file: str) -> Any:
    """Return what a file of TOML or JSON has. Raises ConfigError if it cannot be read."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        return json.loads(text) if Path(file).suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise problem(file, "file", reason=error) from error


def read(mapping: Mapping[str, Any], where: str = "XACCEL", *, more_keys: Iterable[str] = ()) -> Site:
    """Make a Site of `mapping`, whose keys may be in lower case. `more_keys` are read elsewhere.

    Raises ConfigErrors with every problem, each at a path that starts with `where`.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigErrors([problem(where, "mapping", value=mapping)])
    found: list[ConfigError] = []
    values = in_upper_case(mapping, where, found)
    values["SECRET"] = _secret(values, where)
    values["ORIGINS"] = _origins(values.get("ORIGINS"), f'{where}["ORIGINS"]', found)
    site = build(Site, values, where, found, more=(*SECRET_SOURCES, *more_keys))
    cached = [name for name, one in values["ORIGINS"].items() if getattr(one, "cache", False)]
    if cached and values.get("CACHE") is None:
        found.append(problem(f'{where}["CACHE"]', "no_cache", origin=cached[0]))
    if values.get("ARCHIVES") is not None and ARCHIVES in values["ORIGINS"]:
        found.append(problem(f'{where}["ORIGINS"]["{ARCHIVES}"]', "origin_of_archives"))
    log = site.archives.log if site is not None and site.archives is not None else None
    if site is not None and log and os.path.normpath(log) == os.path.normpath(site.transfer_log):
        found.append(problem(f'{where}["ARCHIVES"]["log"]', "one_log", path=log))
    if site is not None:
        found += _problems_of_paths(site, where)
    if found or site is None:
        raise ConfigErrors(found)
    if site.archives is None:
        return site
    # an archive costs memory of NGINX, requests to the storage and time of the app: without a bound it is an attack
    return dataclasses.replace(site, concurrency={ARCHIVES: CLASS_OF_ARCHIVES, **site.concurrency})


def _problems_of_paths(site: Site, where: str) -> Iterator[ConfigError]:
    """Yield what is wrong with the paths that NGINX sends through itself, and with their origins."""
    uploads, grants = site.uploads, site.grants
    for name in uploads.origins if uploads else ():
        if not isinstance(site.origins.get(name), (S3Origin, LocalOrigin)):
            yield problem(f'{where}["UPLOADS"]["origins"]', "origin_of_uploads", name=name)
    for path in {*(uploads.paths if uploads else ())} & {*(grants.paths if grants else ())}:
        yield problem(f'{where}["GRANTS"]["paths"]', "path_of_uploads", path=path)
    for folder in grants.folders if grants else ():
        if grants and not folder.startswith(grants.paths):
            yield problem(f'{where}["GRANTS"]["folders"]', "folder_of_grants", folder=folder)
    if site.redirects is not None:
        yield from _problems_of_redirects(site, site.redirects, where)


def _problems_of_redirects(site: Site, redirects: Redirects, where: str) -> Iterator[ConfigError]:
    if (redirects.app == "") != (redirects.paths == ()):
        missing = "paths" if redirects.app else "app"
        yield problem(f'{where}["REDIRECTS"]["{missing}"]', "half_of_redirects")
    for other, settings in {"GRANTS": site.grants, "UPLOADS": site.uploads}.items():
        for path in {*redirects.paths} & {*(settings.paths if settings else ())}:
            yield problem(f'{where}["REDIRECTS"]["paths"]', "path_of_redirects", path=path, other=other)
    for name in redirects.origins:
        origin, at = site.origins.get(name), f'{where}["REDIRECTS"]["origins"]'
        if not isinstance(origin, (S3Origin, HTTPOrigin)) or covers_many(origin):
            yield problem(at, "origin_of_redirects", name=name)
        elif isinstance(origin, HTTPOrigin) and name not in redirects.allow_unsigned:
            yield problem(at, "unsigned_redirects", name=name)
    for name in redirects.allow_unsigned:
        if name not in redirects.origins:
            yield problem(f'{where}["REDIRECTS"]["allow_unsigned"]', "not_of_redirects", name=name)


def in_upper_case(mapping: Mapping[Any, Any], where: str, found: list[ConfigError]) -> dict[str, Any]:
    """Return `mapping` with its keys in upper case. Two spellings of one key are a problem, which goes to `found`."""
    spelled: dict[str, Any] = {}
    for key in mapping:
        first = spelled.setdefault(str(key).upper(), key)
        if first != key:
            found.append(problem(where, "spelled_twice", names=f"{first!r} and {key!r}"))
    return {name: mapping[key] for name, key in spelled.items()}


def _secret(values: Mapping[str, Any], where: str) -> Any:
    """Return the secrets of the one key that has them, unchecked if it is `SECRET`, or what is wrong with another."""
    given = {key: values[key] for key in ("SECRET", *SECRET_SOURCES) if values.get(key) is not None}
    if len(given) > 1:
        return problem(where, "several_secrets", names=" and ".join(given))
    [(key, value)] = given.items() or [("SECRET", ())]
    if key == "SECRET":
        return value or ()
    found: list[ConfigError] = []
    path = f'{where}["{key}"]'
    name = SECRET_SOURCES[key].read(value, given, path, found)
    if found:
        return found[0]
    place = f"the environment variable {name}" if key == "SECRET_ENV" else f"the file {name}"
    try:
        text = os.environ[name] if key == "SECRET_ENV" else Path(name).read_text(encoding="utf-8")
    except (KeyError, OSError, ValueError) as error:
        wrong = {KeyError: "secret_not_set", FileNotFoundError: "secret_missing"}
        reason = getattr(error, "strerror", "it is not text in UTF-8")
        return problem(path, wrong.get(type(error), "secret_unreadable"), place=place, reason=reason)
    if not text.split():
        return problem(path, "secret_empty", place=place)
    secrets = table(Site)["SECRET"].read(text.split(), given, f"{path}: {place}", found)
    return found[0] if found else secrets


def _origins(given: Any, where: str, found: list[ConfigError]) -> dict[str, Origin]:
    """Return the origins of all entries, which may be origins already; all problems go to `found`."""
    if not isinstance(given, Mapping) or not given:
        found.append(problem(where, "no_origin"))
        return {}
    origins: dict[str, Origin] = {}
    for name, made in given.items():
        path, entry = f"{where}[{json.dumps(str(name), ensure_ascii=False)}]", made
        if not _is_name(name):
            found.append(problem(path, "origin_name", name=name))
        if isinstance(made, Origin):
            entry = {
                "type": made.type,
                **{one.name: getattr(made, one.name) for one in dataclasses.fields(made)},
            }
        if not isinstance(entry, Mapping):
            found.append(problem(path, "origin", entry=entry))
        elif (kind := TYPES.get(str(entry.get("type")))) is None:
            valid = ", ".join(map(repr, TYPES))
            found.append(problem(f'{path}["type"]', "type", type=entry.get("type"), valid=valid))
        elif origin := build(kind, entry, path, found, more=("type",)):
            origins[str(name)] = origin
    return origins
