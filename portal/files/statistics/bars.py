"""Stacked bars as SVG inside the page: no script, no inline style. The style sheet sets the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

WIDTH = 400
"""Width in SVG units. Text stays readable when a phone scales the drawing down and a desktop scales it up."""
_TEXT = 13
_COLUMN = 0.6 * _TEXT
_TOP, _RIGHT, _BOTTOM = 8, 20, 26
_GAP = 6
_LABEL_COLUMNS = 20
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the bars. tone: its class in the style sheet. values: one for each bar."""

    name: str
    tone: str
    values: Sequence[int]


def bars_by_day(about: str, days: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Draw one vertical bar per day and label about five days. `about` is the text alternative."""
    labelled = range(len(days))[::-1][:: -(-len(days) // 5)]
    return _draw(about, 200, days, {place: days[place] for place in labelled}, series, horizontal=False)


def bars_by_name(about: str, names: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Draw one horizontal bar per name, the first on top. Labels that are too long end in "…"."""
    labels = dict(enumerate(map(shortened, names)))
    return _draw(about, 46 + 24 * len(names), names, labels, series, horizontal=True)


def _draw(
    about: str,
    height: int,
    names: Sequence[str],
    labels: dict[int, str],
    series: Sequence[Series],
    *,
    horizontal: bool,
) -> SafeString:
    numbers = _scale(max(map(sum, zip(*(one.values for one in series), strict=True)), default=0))
    texts = [short_number(number) for number in numbers]
    left = 2 * _GAP + _COLUMN * max(map(_columns, labels.values() if horizontal else texts))
    right, bottom = WIDTH - _RIGHT, height - _BOTTOM
    (first, last), (zero, most) = (
        ((_TOP, bottom), (left, right)) if horizontal else ((left, right), (bottom, _TOP))
    )
    slot, unit = (last - first) / len(names), (most - zero) / numbers[-1]

    def below(at: float, text: str) -> dict[str, Any]:
        return {"x": round(at, 2), "y": bottom + 18, "text": text}

    def beside(at: float, text: str) -> dict[str, Any]:
        return {"x": round(left - _GAP, 2), "y": round(at + 0.35 * _TEXT, 2), "text": text}

    def line(at: float) -> str:
        return f"M{at:.2f} {_TOP}V{bottom}" if horizontal else f"M{left:.2f} {at:.2f}H{right}"

    def bar(place: int, start: int, value: int) -> dict[str, float]:
        ends = sorted((zero + unit * start, zero + unit * (start + value)))
        thickness = (first + slot * (place + 0.1), 0.8 * slot)
        length = (ends[0], ends[1] - ends[0])
        (x, wide), (y, high) = (length, thickness) if horizontal else (thickness, length)
        return {"x": round(x, 2), "y": round(y, 2), "width": round(wide, 2), "height": round(high, 2)}

    beside_number, beside_name = (below, beside) if horizontal else (beside, below)
    starts, drawn = [0] * len(names), []
    for one in series:
        drawn.append(
            {
                "tone": one.tone,
                "bars": [
                    {"title": f"{name}: {value} {one.name}", **bar(place, starts[place], value)}
                    for place, (name, value) in enumerate(zip(names, one.values, strict=True))
                ],
            }
        )
        starts = [start + value for start, value in zip(starts, one.values, strict=True)]
    context = {
        "about": about,
        "direction": "horizontal" if horizontal else "vertical",
        "width": WIDTH,
        "height": height,
        "scale": [
            {"path": line(zero + unit * number), **beside_number(zero + unit * number, text)}
            for number, text in zip(numbers, texts, strict=True)
        ],
        "series": drawn,
        "labels": [beside_name(first + slot * (place + 0.5), text) for place, text in labels.items()],
    }
    return render_to_string("files/bars.svg", context)


def _scale(most: int) -> list[int]:
    """Return whole numbers from 0 to at least `most`, six at most."""
    step = next(
        size * 10**power for power in range(40) for size in _STEPS if 5 * size * 10**power >= max(most, 1)
    )
    return [step * number for number in range(-(-max(most, 1) // step) + 1)]


def short_number(number: float) -> str:
    """Return it in four characters or so: 950, 12k, 3.5M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            text = f"{number / size:.1f}" if number < 10 * size else f"{number / size:.0f}"
            return text.removesuffix(".0") + unit
    return f"{number:.0f}"


def shortened(name: str) -> str:
    """Cut `name` to the width of a label, with "…" at the end."""
    if _columns(name) <= _LABEL_COLUMNS:
        return name
    place = next(end for end in range(len(name)) if _columns(name[: end + 1]) > _LABEL_COLUMNS)
    return name[: place - 1].rstrip(" .,") + "…"


def _columns(text: str) -> int:
    """Count columns. A wide character such as a Chinese one takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
