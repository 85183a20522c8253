"""The days that are counted: the last few, each from midnight to midnight in Django's current time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

CHOICES = (7, 30, 90)
USUAL = 30


@dataclass(frozen=True, slots=True)
class Period:
    """So many days, of which `today` is the last."""

    days: int
    today: date

    @property
    def dates(self) -> list[date]:
        """Every day, the oldest first."""
        return [self.today - timedelta(days=back) for back in reversed(range(self.days))]

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first moment of it, and the first after it; aware."""
        return _midnight(self.dates[0]), _midnight(self.today + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone())


def read_period(text: str | None) -> Period:
    """Return the period that a user chose, or the default for an invalid choice."""
    chosen = {str(days): days for days in CHOICES}.get(text or "", USUAL)
    return Period(chosen, timezone.localdate())
