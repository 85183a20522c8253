"""Read the site's secret from an environment variable or a file that the settings name."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site.rules import is_absolute, secrets
from xaccel.site.setting import Wrong, build, option, problem, table, wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """The keys that can be given in place of `SECRET`."""

    secret_env: str = option("", ok=bool)
    secret_file: str = option("", ok=is_absolute)


KEYS = tuple(row.key.upper() for row in table(SecretSource))

_NOT_READ = "0" * 32
"""Replaces a secret that has its own problem in the list, so that none is reported twice."""


def take_secret(values: MutableMapping[str, Any], where: str, found: list[ConfigError]) -> None:
    """Replace SECRET_ENV or SECRET_FILE in `values` by SECRET. All problems go to `found`."""
    given = {key: values[key] for key in ("SECRET", *KEYS) if values.get(key) is not None}
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
