"""settings.XACCEL_AUDIT, read at the first use and again after a test has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

from django.conf import settings
from django.core.signals import setting_changed

from xaccel.errors import ConfigError, ConfigErrors

WHERE = "XACCEL_AUDIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the settings say.

    record: "request" makes a row of each decision in the request; "line" writes none there: the decision travels in
        NGINX's line, and what gets none goes to the file `decisions`.
    idle: how long a download stays open with nothing sent.
    unknown_after: how long a line is awaited.
    drain_s: how long a file that was rotated away is still looked at after the last byte was written to it.
    """

    record: Literal["request", "line"] = "request"
    decisions: str = ""
    idle: timedelta = timedelta(minutes=30)
    unknown_after: timedelta = timedelta(hours=24)
    drain_s: float = 60.0


_SECONDS = {"IDLE_S": "idle", "UNKNOWN_AFTER_S": "unknown_after", "DRAIN_S": "drain_s"}
_KEYS = ("RECORD", "DECISIONS", *_SECONDS)


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """Return the one configuration of this process.

    Raises ConfigErrors with every problem of settings.XACCEL_AUDIT.
    """
    given = getattr(settings, WHERE, {})
    if not isinstance(given, Mapping):
        raise ConfigErrors([ConfigError(f"{given!r} is not a mapping", where=WHERE, remedy="Write a dict.")])
    found: list[ConfigError] = []
    values: dict[str, Any] = {}
    for key, value in given.items():
        where = f'{WHERE}["{key}"]'
        if key in _SECONDS:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**9:
                found.append(
                    ConfigError(
                        f"{value!r} is no number of seconds", where=where, remedy="Give a number above 0."
                    )
                )
            else:
                values[_SECONDS[key]] = float(value) if key == "DRAIN_S" else timedelta(seconds=value)
        elif key == "RECORD" and value in ("request", "line"):
            values["record"] = value
        elif key == "RECORD":
            found.append(
                ConfigError(
                    f"{value!r} is not a way to record",
                    where=where,
                    remedy="Valid values: 'request', 'line'.",
                )
            )
        elif key == "DECISIONS" and isinstance(value, str) and value.startswith("/"):
            values["decisions"] = value
        elif key == "DECISIONS":
            found.append(
                ConfigError(f"{value!r} is not an absolute path", where=where, remedy="Begin it with '/'.")
            )
        else:
            found.append(
                ConfigError("it is not a key", where=where, remedy=f"Use one of: {', '.join(_KEYS)}.")
            )
    if values.get("record") == "line" and not values.get("decisions") and not found:
        found.append(
            ConfigError(
                "RECORD is 'line', and what gets no line has no place",
                where=f'{WHERE}["DECISIONS"]',
                remedy="Give the absolute path of a file that the app can append to.",
            )
        )
    if found:
        raise ConfigErrors(found)
    return Configuration(**values)


def _forget(*, setting: str, **_: object) -> None:
    if setting == WHERE:
        configuration.cache_clear()


setting_changed.connect(_forget, dispatch_uid="xaccel.audit.conf")
