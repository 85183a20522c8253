"""Rows on their way out, one at a time: CSV for spreadsheets, JSON Lines for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from xaccel.audit.arrival import arrived_of
from xaccel.audit.models import Transfer

_AT_ONCE = 2000
# Which character separates cells is a setting of the machine that opens the file: ";" in Germany and France. Then
# quotes in the middle of a cell keep nothing together.
_FORMULA = re.compile(r'^(?=[\t\r\n])|(?:^|[,;|\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])')


def columns(model: type[Model]) -> list[str]:
    """Return the names of the columns, in the order of the model."""
    return [field.attname for field in model._meta.concrete_fields]


def headings(model: type[Model]) -> list[str]:
    """Return the names of the columns and, of transfers, of what is computed from them."""
    return columns(model) + (["arrived_at_least"] if model is Transfer else [])


def csv_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return the lines of a CSV file (RFC 4180) with a heading, in constant memory.

    What a spreadsheet would take for a formula gets an apostrophe in front of it, at the start of a text and behind
    what may separate cells, and each cell is quoted (https://owasp.org/www-community/attacks/CSV_Injection). Times are
    ISO 8601 in UTC.
    """
    names = headings(rows.model)
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    for values in _values(rows):
        writer.writerow([_cell(value) for value in values])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


_ENDS_A_LINE = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""What JSON leaves as it is, and what readers such as Python's `str.splitlines` take for the end of a line."""


def json_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return one JSON object per line, in constant memory; times are ISO 8601 in UTC."""
    names = headings(rows.model)
    for values in _values(rows):
        row = json.dumps(dict(zip(names, map(_plain, values), strict=True)), ensure_ascii=False)
        yield row.translate(_ENDS_A_LINE) + "\n"


def _values(rows: QuerySet[Any]) -> Iterable[Any]:
    names = columns(rows.model)
    found: Iterable[Any] = rows.values_list(*names).iterator(chunk_size=_AT_ONCE)
    if rows.model is not Transfer:
        return found
    outcome, details, sent = map(names.index, ("outcome", "details", "sent"))
    return (
        (*values, arrived_of(values[outcome], values[details].get("protocol", ""), values[sent]))
        for values in found
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _FORMULA.sub(r"\g<0>'", value)
    if isinstance(value, list | dict):
        return json.dumps(value)
    return _plain(value)
