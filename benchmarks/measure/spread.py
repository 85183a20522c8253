"""A median with what lies around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the quartiles of `count` samples."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}..{short(self.high)})"


def spread(samples: Sequence[float]) -> Spread:
    """Return the spread of at least one sample."""
    if len(samples) == 1:
        return Spread(samples[0], samples[0], samples[0], 1)
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return Spread(median(samples), low, high, len(samples))


def ratio(samples: Sequence[float], to: Sequence[float]) -> Spread:
    """Return the spread of the ratios of samples that were taken in the same rounds."""
    return spread([one / other for one, other in zip(samples, to, strict=True)])


def short(value: float) -> str:
    """Return `value` with about three digits."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
