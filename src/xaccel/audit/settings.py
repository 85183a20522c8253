"""`settings.XACCEL_AUDIT`, read at the first use and again after a test has changed it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site.setting import build, option, problem

WHERE = "XACCEL_AUDIT"


def _is_seconds(value: float) -> bool:
    return 0 < value < 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The checked settings of `XACCEL_AUDIT`."""

    idle_s: float = option(1800, ok=_is_seconds)
    unknown_after_s: float = option(86400, ok=_is_seconds)
    drain_s: float = option(60, ok=_is_seconds)
    chain: bool = False
    address_header: str = option("", ok=re.compile("[A-Za-z0-9-]*").fullmatch)
    metrics: bool = False

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
        raise ConfigErrors([problem(WHERE, "mapping", value=given)])
    found: list[ConfigError] = []
    conf = build(AuditSettings, given, WHERE, found)
    if found or conf is None:
        raise ConfigErrors(found)
    return conf


setting_changed.connect(lambda **_: audit_settings.cache_clear(), dispatch_uid=__name__, weak=False)
