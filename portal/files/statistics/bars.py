"""Stacked bars as SVG that stands in the page: no script, no style of its own, colours from the style sheet."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

import pygal
from django.utils.safestring import SafeString, mark_safe
from pygal.style import Style

# pygal leaves a finder of the old kind there, of which Python 3.11 warns at every import that nothing else finds.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

WIDTH = 400
"""Units of the drawing: a phone shows them smaller, a desk larger, and text stays readable on both."""
_TEXT = 13
_LABEL_COLUMNS = 20
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the bars. tone: its class in the style sheet. values: one for each bar."""

    name: str
    tone: str
    values: Sequence[int]


def bars_by_day(about: str, days: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Return upright bars, one a day, with a few of the days named; `about` is what is read out instead."""
    chart = pygal.StackedBar(height=200, **_common(series))
    chart.x_labels = days
    chart.x_labels_major = days[::-1][:: -(-len(days) // 5)]
    chart.show_minor_x_labels = False
    return _drawn(chart, about, series)


def bars_by_name(about: str, names: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Return lying bars, the first on top, each with its name; names that are too long end in "…"."""
    turned = [Series(one.name, one.tone, one.values[::-1]) for one in series]
    chart = pygal.HorizontalStackedBar(height=46 + 24 * len(names), **_common(series))
    chart.x_labels = [shortened(name) for name in reversed(names)]
    return _drawn(chart, about, turned)


def _common(series: Sequence[Series]) -> dict[str, Any]:
    most = max(map(sum, zip(*(one.values for one in series), strict=True)), default=0)
    return {
        "width": WIDTH,
        "style": Style(label_font_size=_TEXT, major_label_font_size=_TEXT),
        "margin": 6,
        "spacing": 6,
        "show_legend": False,
        "truncate_label": -1,
        "js": (),
        "css": (),
        "no_prefix": True,
        "disable_xml_declaration": True,
        "y_labels": _scale(most),
        "range": (0, _scale(most)[-1]),
        "formatter": short_number,
    }


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
    """Return `name` in the room of a label: wide characters take two columns."""
    room = _LABEL_COLUMNS
    for place, letter in enumerate(name):
        room -= 2 if east_asian_width(letter) in "WF" else 1
        if room < 0:
            return name[: place - 1] + "…"
    return name


def _drawn(chart: Any, about: str, series: Sequence[Series]) -> SafeString:
    for one in series:
        chart.add(one.name, one.values)

    def made_plain(root: Any) -> Any:
        _keep_what_is_drawn(root)
        for drawn in root.iter("g"):
            if found := re.match(r"series \w+-(\d+) ", drawn.get("class", "")):
                one = series[int(found[1])]
                drawn.set("class", f"series {one.tone}")
                _name_bars(drawn, one.name)
        root.attrib.pop("id", None)
        root.set("role", "img")
        root.set("aria-label", about)
        return root

    chart.add_xml_filter(made_plain)
    # The tree was serialised by ElementTree, which escapes every text and attribute.
    text: str = chart.render(is_unicode=True)
    return mark_safe(text)  # noqa: S308


def _keep_what_is_drawn(node: Any) -> None:
    """Remove what serves pygal's own script and style, which the page's Content-Security-Policy does not run."""
    for child in list(node):
        if (
            not isinstance(child.tag, str)
            or child.tag in ("defs", "title")
            or "overlay" in child.get("class", "")
        ):
            node.remove(child)
        else:
            _keep_what_is_drawn(child)


def _name_bars(series: Any, name: str) -> None:
    """Put what a bar means into a `title`, which browsers show where the pointer rests."""
    for bar in series.iter("g"):
        if bar.get("class") == "bar":
            said = {child.get("class"): child.text or "" for child in bar if child.tag == "desc"}
            for child in [child for child in bar if child.tag == "desc"]:
                bar.remove(child)
            title = bar.makeelement("title", {})
            title.text = f"{said.get('x_label', '')}: {said.get('value', '')} {name}"
            bar.insert(0, title)
