"""`manage.py xaccel export`: rows as CSV for spreadsheets, as JSON Lines for programs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import Model, QuerySet

from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import indexable
from xaccel.cli.command import FindObject, make_command
from xaccel.site import Site

_AT_ONCE = 2000
# Which character separates cells is a setting of the machine that opens the file: ";" in Germany and France. Then
# quotes in the middle of a cell keep nothing together.
_FORMULA = re.compile(r'^(?=[\t\r\n])|(?:^|[,;|\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])')
_ENDS_A_LINE = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Characters that JSON does not escape, but readers such as Python's `str.splitlines` treat as line ends."""


def headings(model: type[Model]) -> list[str]:
    """Return the names of the columns and, of transfers, of what is computed from them."""
    names = [field.attname for field in model._meta.concrete_fields]
    return names + (["arrived_at_least"] if model is Transfer else [])


def csv_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return a CSV file (RFC 4180) with a heading in pieces, in constant memory. Times are ISO 8601 in UTC.

    Each cell is quoted. A text that a spreadsheet would read as a formula gets an apostrophe in front, also after
    characters that may separate cells (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(headings(rows.model))
    for values in _values(rows):
        writer.writerow([_cell(value) for value in values])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def json_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return one JSON object per line, in constant memory. Times are ISO 8601 in UTC."""
    names = headings(rows.model)
    for values in _values(rows):
        row = json.dumps(dict(zip(names, map(_plain, values), strict=True)), ensure_ascii=False)
        yield row.translate(_ENDS_A_LINE) + "\n"


def _values(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    names = headings(rows.model)
    return ([getattr(row, name) for name in names] for row in rows.iterator(chunk_size=_AT_ONCE))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _FORMULA.sub(r"\g<0>'", value)
    return json.dumps(value) if isinstance(value, list | dict) else _plain(value)


def _run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    model, at = (Transfer, "decided_at") if args.what == "transfers" else (Download, "opened_at")
    wanted = {f"{at}__gte": args.since, f"{at}__lt": args.until}
    wanted |= {"subject": args.subject, "origin": args.origin, "key": args.key}
    given = {name: value for name, value in wanted.items() if value is not None}
    rows: QuerySet[Any] = model._default_manager.using(router.db_for_read(model))
    for text in (csv_rows if args.format == "csv" else json_rows)(rows.filter(**given).order_by(at, "id")):
        sys.stdout.write(text)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it like 2026-11-24T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


EXPORT = make_command(
    "export",
    types={"--since": _time, "--until": _time, "--subject": indexable, "--key": indexable},
    run=_run,
)
