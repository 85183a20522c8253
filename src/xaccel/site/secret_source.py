"""Read the site's secret from an environment variable or a file that the settings name."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site.rules import MAKE_ONE, is_absolute, secrets
from xaccel.site.setting import Wrong, build, option, table


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
        problem = f"{' and '.join(given)} exclude each other"
        found.append(ConfigError(problem, where=where, remedy="Give one of them only."))
        values["SECRET"] = _NOT_READ
    elif given and "SECRET" not in given:
        source = build(SecretSource, given, where, found, upper=True)
        text, wrong = ("", []) if source is None else _read(source)
        found.extend(
            ConfigError(what, where=f'{where}["{min(given)}"]', remedy=remedy) for what, remedy in wrong
        )
        values["SECRET"] = text.split() or _NOT_READ


def _read(source: SecretSource) -> tuple[str, list[Wrong]]:
    """Return the text with the secrets, and what is wrong with it."""
    name = source.secret_env or source.secret_file
    place = f"the environment variable {name}" if source.secret_env else f"the file {name}"
    try:
        text = os.environ[name] if source.secret_env else Path(name).read_text(encoding="utf-8")
    except KeyError:
        remedy = "Set it for each process that reads the site: the app, and the command xaccel."
        return "", [(f"{place} is not set", f"{remedy} {MAKE_ONE}")]
    except FileNotFoundError:
        return "", [(f"{place} does not exist", f"{MAKE_ONE} Write it to this file.")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        remedy = "Let the users of the app and of the command xaccel read it, and nobody else."
        return "", [(f"{place} cannot be read ({reason})", remedy)]
    if not text.split():
        return "", [(f"{place} is empty", MAKE_ONE)]
    wrong = [(f"{place}: {what}", remedy) for what, remedy in secrets(tuple(text.split()))]
    return "" if wrong else text, wrong
