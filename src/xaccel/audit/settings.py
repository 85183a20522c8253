"""`settings.XACCEL_AUDIT`, read at the first use and again after a test has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Annotated

from django.conf import settings
from django.core.signals import setting_changed

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.setting import Rule, Setting, build

WHERE = "XACCEL_AUDIT"
_SECONDS = Rule(
    lambda value: 0 < value < 10**9, "{} is not a number of seconds above 0", "Write for example 1800."
)
# NGINX refuses none of these; Linux's own upper bound is net.core.wmem_max.
_BUFFER = Rule(
    lambda value: 0 < value < 2**30,
    "{} is not a number of bytes below 1 GB",
    "Give the sndbuf of NGINX's listen in bytes: 65536 for sndbuf=64k.",
)
_IDLE = Setting("A download ends after this number of seconds without a transfer.", check=_SECONDS)
_UNKNOWN = Setting(
    "A transfer without a log entry becomes `unknown` after this number of seconds.", check=_SECONDS
)
_DRAIN = Setting(
    "`ingest` reads a rotated log file until nothing was written to it for this number of seconds.",
    check=_SECONDS,
)
_CHAIN = Setting(
    "xaccel seals transfers, so [`xaccel verify`](../operate/audit.md#let-an-auditor-trust-it) finds changes."
)
_METRICS = Setting("The app counts its decisions [for Prometheus](../operate/metrics.md).")
_SEND_BUFFER = Setting(
    "The `sndbuf` of your `listen` line in bytes. With it, interrupted transfers have `arrived_at_least`.",
    check=_BUFFER,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """What the settings say."""

    idle_s: Annotated[float, _IDLE] = 1800
    unknown_after_s: Annotated[float, _UNKNOWN] = 86400
    drain_s: Annotated[float, _DRAIN] = 60
    chain: Annotated[bool, _CHAIN] = False
    metrics: Annotated[bool, _METRICS] = False
    send_buffer: Annotated[int | None, _SEND_BUFFER] = None

    @property
    def idle(self) -> timedelta:
        """How long a download stays open with nothing sent."""
        return timedelta(seconds=self.idle_s)

    @property
    def unknown_after(self) -> timedelta:
        """How long a log entry is awaited."""
        return timedelta(seconds=self.unknown_after_s)

    @property
    def waiting(self) -> int | None:
        """`Transfer.batch` of a final row that waits for its seal."""
        return 0 if self.chain else None


@lru_cache(maxsize=1)
def audit_settings() -> AuditSettings:
    """Return the settings of this process. Raises ConfigErrors with every problem of settings.XACCEL_AUDIT."""
    given = getattr(settings, WHERE, {})
    if not isinstance(given, Mapping):
        raise ConfigErrors([ConfigError(f"{given!r} is not a mapping", where=WHERE, remedy="Write a dict.")])
    found: list[ConfigError] = []
    conf = build(AuditSettings, given, WHERE, found, of="a setting", upper=True)
    if found or conf is None:
        raise ConfigErrors(found)
    return conf


def _forget(*, setting: str, **_: object) -> None:
    if setting == WHERE:
        audit_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="xaccel.audit.settings")
