"""Evaluate the client's conditions if the app has validators (RFC 9110 section 13.2.2).

Django does this for its own adapter. Werkzeug and Starlette evaluate some conditions, and some of them wrongly:
docs/background/decisions.md lists them. tests/django/test_same_conditions.py compares with Django's responses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
"""The request headers that are looked at."""

_SHOWN = ("Cache-Control", "ETag", "Last-Modified")
_TAG = re.compile(r'(?:^|,)[ \t]*((?:W/)?"[^"]*")[ \t]*(?=,|\Z)')
"""An element of the list is ignored unless the whole of it is an entity tag (RFC 9110 section 8.8.3)."""


def answer_to_conditions(
    method: str, conditions: Mapping[str, str], visible_headers: Iterable[tuple[str, str]]
) -> Literal[304, 412] | None:
    """Return the status that the client's conditions ask for, or None where the file is to be sent.

    `conditions` has those of CONDITIONS that the request has, lines of one name joined by a comma. Without an entity
    tag or a date of the app's among the hand-off's `visible_headers` it is None: the conditions pass to the origin.
    """
    visible = dict(visible_headers)
    tag, changed = visible.get("ETag"), _date(visible.get("Last-Modified", ""))
    if tag is None and changed is None:
        return None
    reads = method in ("GET", "HEAD")
    if wanted := _tags(conditions.get("If-Match", "")):
        if not _matches(wanted, tag, weakly=False):
            return 412
    elif changed and (date := _date(conditions.get("If-Unmodified-Since", ""))) and changed > date:
        # Ignored without a Last-Modified (RFC 9110 section 13.1.4).
        return 412
    if known := _tags(conditions.get("If-None-Match", "")):
        if _matches(known, tag, weakly=True):
            return 304 if reads else 412
    elif reads and changed and (date := _date(conditions.get("If-Modified-Since", ""))) and changed <= date:
        return 304
    return None


def headers_of_answer(visible_headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a 304 or 412: those of a download that a cache must learn (RFC 9110 section 15.4.5)."""
    return tuple((name, value) for name, value in visible_headers if name in _SHOWN)


def _tags(text: str) -> list[str]:
    """Return the entity tags of a list, or ["*"]; an invalid list gives [] and is ignored."""
    return ["*"] if text.strip() == "*" else _TAG.findall(text)


def _matches(tags: list[str], tag: str | None, *, weakly: bool) -> bool:
    """Compare as RFC 9110 section 8.8.3.2 says: a weak tag never matches strongly."""
    if tag is None or tags == ["*"]:
        return tag is not None
    if weakly:
        return tag.removeprefix("W/") in {other.removeprefix("W/") for other in tags}
    return not tag.startswith("W/") and tag in tags


def _date(text: str) -> datetime | None:
    """Return None for an invalid date: such a condition is ignored (RFC 9110 section 13.1.3)."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year of eleven digits
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
