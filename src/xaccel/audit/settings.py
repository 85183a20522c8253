"""`settings.XACCEL_AUDIT`, read at the first use and again after a test has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.setting import Rule, build, option

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The checked settings of `XACCEL_AUDIT`."""

    idle_s: float = option(
        1800, "A download ends after this number of seconds without a transfer.", check=_SECONDS
    )
    unknown_after_s: float = option(
        86400,
        "A transfer without a log entry becomes `unknown` after this number of seconds.",
        check=_SECONDS,
    )
    drain_s: float = option(
        60,
        "`ingest` reads a rotated log file until nothing was written to it for this number of seconds.",
        check=_SECONDS,
    )
    chain: bool = option(
        False,
        "xaccel seals transfers, so [`xaccel verify`](../operate/audit.md#let-an-auditor-trust-it) finds changes.",
    )
    metrics: bool = option(False, "The app counts its decisions [for Prometheus](../operate/metrics.md).")
    send_buffer: int | None = option(
        None,
        "The `sndbuf` of your `listen` line in bytes. With it, interrupted transfers have `arrived_at_least`.",
        check=_BUFFER,
    )

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
