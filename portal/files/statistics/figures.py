"""The four charts of the page, each with the table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.formats import date_format
from django.utils.safestring import SafeString

from portal.files.statistics import counts
from portal.files.statistics.bars import Series, bars_by_day, bars_by_name
from portal.files.statistics.period import Period
from xaccel.audit import Outcome

TOP = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its table. picture: None if there is nothing to show."""

    slug: str
    title: str
    note: str
    total: int | None
    unit: str
    first_column: str
    series: Sequence[Series]
    labels: Sequence[str]
    picture: SafeString | None = field(repr=False)

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """Label and numbers, one for each bar that is not empty."""
        found = zip(self.labels, zip(*(one.values for one in self.series), strict=True), strict=True)
        return [(label, list(numbers)) for label, numbers in found if any(numbers)]


def downloads(period: Period) -> Figure:
    """Downloads per day."""
    kinds = (
        (counts.COMPLETE, "complete", "tone-whole"),
        (counts.PART, "incomplete or in progress", "tone-part"),
    )
    return _by_day(
        counts.downloads(period),
        kinds,
        period,
        slug="downloads",
        title="Downloads",
        note="By the day of their start. A resumed download is one download; files that were only opened are none.",
        unit="download",
    )


def top_files(period: Period) -> Figure:
    """The files that were downloaded most."""
    found = counts.top_files(period, TOP)
    names = [_printable(name) for name, _, _ in found]
    series = (
        Series("complete", "tone-whole", [complete for _, complete, _ in found]),
        Series("incomplete or in progress", "tone-part", [other for _, _, other in found]),
    )
    about = "Most downloaded files: " + "; ".join(
        f"{name}, {one + two}" for name, (_, one, two) in zip(names, found, strict=True)
    )
    return Figure(
        slug="files",
        title="Most downloaded files",
        note=f"The first {TOP}, by downloads.",
        total=None,
        unit="",
        first_column="File",
        series=series,
        labels=names,
        picture=bars_by_name(about, names, series) if found else None,
    )


def _printable(name: str) -> str:
    """An object key may hold what no XML may."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)


def troubles(period: Period) -> Figure:
    """Requests that did not end as they should."""
    found: counts.ByDay = {}
    for (day, outcome), many in counts.troubles(period).items():
        # no log entry yet, or none within a day: what was sent is not known in either case
        kind = Outcome.UNKNOWN if outcome == Outcome.GRANTED else outcome
        found[day, kind] = found.get((day, kind), 0) + many
    kinds = (
        (Outcome.DENIED, "denied", "tone-denied"),
        (Outcome.INCOMPLETE, "interrupted", "tone-part"),
        (Outcome.REFUSED, "failed", "tone-refused"),
        (Outcome.UNKNOWN, "no log entry", "tone-nothing"),
    )
    return _by_day(
        found,
        kinds,
        period,
        slug="troubles",
        title="Denied and incomplete requests",
        note="By the day of the request.",
        unit="request",
    )


def collected(period: Period) -> Figure:
    """Grants, by how much was downloaded since."""
    kinds = (
        (counts.COMPLETE, "downloaded", "tone-whole"),
        (counts.PART, "partly downloaded", "tone-part"),
        (counts.NOTHING, "not downloaded", "tone-nothing"),
    )
    return _by_day(
        counts.collected(period),
        kinds,
        period,
        slug="collected",
        title="Shared files",
        note="By the day on which they were shared. A group has downloaded a file when one member has.",
        unit="share",
    )


def _by_day(
    found: counts.ByDay,
    kinds: Sequence[tuple[str, str, str]],
    period: Period,
    *,
    slug: str,
    title: str,
    note: str,
    unit: str,
) -> Figure:
    series = [
        Series(name, tone, [found.get((day, kind), 0) for day in period.dates]) for kind, name, tone in kinds
    ]
    total = sum(found.values())
    labels = [date_format(day, "j M") for day in period.dates]
    sums = ", ".join(f"{sum(one.values)} {one.name}" for one in series)
    return Figure(
        slug=slug,
        title=title,
        note=note,
        total=total,
        unit=unit,
        first_column="Day",
        series=series,
        labels=labels,
        picture=bars_by_day(f"{title} in {period.days} days: {sums}", labels, series) if total else None,
    )
