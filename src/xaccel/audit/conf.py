"""settings.XACCEL_AUDIT, read at the first use and again after a test has changed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from xaccel.errors import ConfigError, ConfigErrors

WHERE = "XACCEL_AUDIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the settings say.

    idle: how long a download stays open with nothing sent.
    unknown_after: how long a line is awaited.
    drain_s: how long a file that was rotated away is still looked at after the last byte was written to it.
    chain: whether transfers are sealed, so that `verify` finds what was changed later.
    metrics: whether decisions are counted for Prometheus.
    send_buffer: the `sndbuf` of NGINX's `listen` in bytes; None where it is not known.
    """

    idle: timedelta = timedelta(minutes=30)
    unknown_after: timedelta = timedelta(hours=24)
    drain_s: float = 60.0
    chain: bool = False
    metrics: bool = False
    send_buffer: int | None = None

    @property
    def waiting(self) -> int | None:
        """What `Transfer.batch` is of a final row that waits for its seal."""
        return 0 if self.chain else None


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**9


def _buffer(value: object) -> bool:
    # NGINX refuses none of these; Linux's own upper bound is net.core.wmem_max.
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**30


def _flag(value: object) -> bool:
    return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    ok: Callable[[object], bool]
    wrong: str
    remedy: str
    make: Callable[[Any], object] = field(default=lambda value: value)


_A_TIME = ("is no number of seconds", "Give a number above 0.")
_A_FLAG = ("is neither true nor false", "Write True or False.")
_KEYS = {
    "CHAIN": _Key("chain", _flag, *_A_FLAG),
    "METRICS": _Key("metrics", _flag, *_A_FLAG),
    "IDLE_S": _Key("idle", _seconds, *_A_TIME, lambda value: timedelta(seconds=value)),
    "UNKNOWN_AFTER_S": _Key("unknown_after", _seconds, *_A_TIME, lambda value: timedelta(seconds=value)),
    "DRAIN_S": _Key("drain_s", _seconds, *_A_TIME, float),
    "SEND_BUFFER": _Key(
        "send_buffer",
        _buffer,
        "is no number of bytes below 1 GB",
        "Give the sndbuf of NGINX's listen in bytes: 65536 for sndbuf=64k.",
    ),
}


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
    for name, value in given.items():
        where, key = f'{WHERE}["{name}"]', _KEYS.get(name)
        if key is None:
            found.append(
                ConfigError("it is not a key", where=where, remedy=f"Use one of: {', '.join(_KEYS)}.")
            )
        elif not key.ok(value):
            found.append(ConfigError(f"{value!r} {key.wrong}", where=where, remedy=key.remedy))
        else:
            values[key.name] = key.make(value)
    if found:
        raise ConfigErrors(found)
    return Configuration(**values)


def _forget(*, setting: str, **_: object) -> None:
    if setting == WHERE:
        configuration.cache_clear()


setting_changed.connect(_forget, dispatch_uid="xaccel.audit.conf")
