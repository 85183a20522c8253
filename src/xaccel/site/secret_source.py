"""Read the site's secret from an environment variable or a file that the settings name."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site import readers
from xaccel.site.setting import Wrong, build, option, table

Read = tuple[tuple[str, ...], list[Wrong]]


def _of_variable(name: Any) -> Read:
    if not isinstance(name, str) or not name:
        return (), [
            (f"{name!r} is not the name of an environment variable", 'Write for example "XACCEL_SECRET".')
        ]
    place, text = f"the environment variable {name}", os.environ.get(name)
    if text is None:
        remedy = "Set it for each process that reads the site: the app, and the command xaccel."
        return (), [(f"{place} is not set", f"{remedy} {readers.MAKE_ONE}")]
    return _checked(text, place)


def _of_file(name: Any) -> Read:
    if not isinstance(name, str) or not name.startswith("/"):
        return (), [(f"{name!r} is not an absolute path", 'Write for example "/etc/xaccel/secret".')]
    place = f"the file {name}"
    try:
        return _checked(Path(name).read_text(encoding="utf-8"), place)
    except FileNotFoundError:
        return (), [(f"{place} does not exist", f"{readers.MAKE_ONE} Write it to this file.")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        remedy = "Let the users of the app and of the command xaccel read it, and nobody else."
        return (), [(f"{place} cannot be read ({reason})", remedy)]


def _checked(text: str, place: str) -> Read:
    """Return the words of `text`; what is wrong with them names the place."""
    words = tuple(text.split())
    if not words:
        return (), [(f"{place} is empty", readers.MAKE_ONE)]
    return words, [(f"{place}: {what}", remedy) for what, remedy in readers.secrets(words)[1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """The keys that can be given in place of `SECRET`."""

    secret_env: tuple[str, ...] = option(
        (),
        "The secret is in this environment variable. While you rotate it, the variable has both secrets, the new"
        " one first, with a space between them.",
        secret=True,
        read=_of_variable,
        example='"XACCEL_SECRET"',
    )
    secret_file: tuple[str, ...] = option(
        (),
        "The secret is in this file, given by its absolute path. While you rotate it, the file has both secrets,"
        " the new one in the first line.",
        secret=True,
        read=_of_file,
        example='"/etc/xaccel/secret"',
    )


KEYS = tuple(row.key.upper() for row in table(SecretSource))

_NOT_READ = "0" * 32
"""Replaces a secret that has its own problem in the list, so that none is reported twice."""


def take_secret(values: MutableMapping[str, Any], where: str, found: list[ConfigError]) -> None:
    """Replace SECRET_ENV or SECRET_FILE in `values` by SECRET. All problems go to `found`."""
    given = {key: values.pop(key) for key in KEYS if key in values}
    if not given:
        return
    if len(given) > 1 or values.get("SECRET") is not None:
        names = [key for key in ("SECRET", *KEYS) if key in given or values.get(key) is not None]
        problem = f"{' and '.join(names)} exclude each other"
        found.append(ConfigError(problem, where=where, remedy="Give one of them only."))
        values["SECRET"] = _NOT_READ
        return
    before = len(found)
    source = build(SecretSource, given, where, found, of="a setting", upper=True)
    assert source is not None, "no key is required"
    values["SECRET"] = _NOT_READ if len(found) > before else source.secret_env or source.secret_file
