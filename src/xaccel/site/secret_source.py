"""Read the site's secret from an environment variable or a file that the settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site.rules import MAKE_ONE, secrets
from xaccel.site.setting import Wrong, build, option, table


def _variable(name: str) -> Iterator[Wrong]:
    place, text = f"the environment variable {name}", os.environ.get(name)
    if not name:
        yield f"{name!r} is not the name of an environment variable", 'Write for example "XACCEL_SECRET".'
    elif text is None:
        remedy = "Set it for each process that reads the site: the app, and the command xaccel."
        yield f"{place} is not set", f"{remedy} {MAKE_ONE}"
    else:
        yield from _secrets(place, text)


def _file(name: str) -> Iterator[Wrong]:
    if not name.startswith("/"):
        yield f"{name!r} is not an absolute path", 'Write for example "/etc/xaccel/secret".'
        return
    place = f"the file {name}"
    try:
        yield from _secrets(place, Path(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield f"{place} does not exist", f"{MAKE_ONE} Write it to this file."
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        remedy = "Let the users of the app and of the command xaccel read it, and nobody else."
        yield f"{place} cannot be read ({reason})", remedy


def _secrets(place: str, text: str) -> Iterator[Wrong]:
    if not text.split():
        yield f"{place} is empty", MAKE_ONE
    else:
        yield from ((f"{place}: {what}", remedy) for what, remedy in secrets(tuple(text.split())))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """The keys that can be given in place of `SECRET`."""

    secret_env: str = option("", check=_variable)
    secret_file: str = option("", check=_file)


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
        source, text = build(SecretSource, given, where, found, upper=True), _NOT_READ
        if source is not None:
            name = source.secret_env
            text = os.environ[name] if name else Path(source.secret_file).read_text(encoding="utf-8")
        values["SECRET"] = text.split()
