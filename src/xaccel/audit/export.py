"""`manage.py xaccel export`: rows as CSV for spreadsheets, as JSON Lines for programs."""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from django.db import router
from django.db.models import QuerySet

from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import indexable
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_data

_AT_ONCE = 2000
# Which character separates cells is a setting of the machine that opens the file: ";" in Germany and France. Then
# quotes in the middle of a cell keep nothing together.
_FORMULA = re.compile(r'^(?=[\t\r\n])|(?:^|[,;|\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])')
_ENDS_A_LINE = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Characters that JSON does not escape, but readers such as Python's `str.splitlines` treat as line ends."""


def csv_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return the lines of a CSV file (RFC 4180) with a heading, in constant memory. Times are ISO 8601 in UTC.

    Each cell is quoted. A text that a spreadsheet would read as a formula gets an apostrophe in front, also after
    characters that may separate cells (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    echo: Any = SimpleNamespace(write=str)  # so `writerow` returns the text of a row
    writer = csv.writer(echo, quoting=csv.QUOTE_ALL)
    yield writer.writerow([field.attname for field in rows.model._meta.concrete_fields])
    for values in rows.values_list().iterator(chunk_size=_AT_ONCE):
        yield writer.writerow([_cell(value) for value in values])


def json_rows(rows: QuerySet[Any]) -> Iterator[str]:
    """Return one JSON object per line, in constant memory. Times are ISO 8601 in UTC."""
    for row in rows.values().iterator(chunk_size=_AT_ONCE):
        yield json.dumps(row, ensure_ascii=False, default=_text).translate(_ENDS_A_LINE) + "\n"


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _FORMULA.sub(r"\g<0>'", value)
    if isinstance(value, datetime):
        return _text(value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def _export(args: argparse.Namespace, _: object) -> None:
    model, at = (Transfer, "decided_at") if args.what == "transfers" else (Download, "opened_at")
    wanted = {f"{at}__gte": args.since, f"{at}__lt": args.until}
    wanted |= {"subject": args.subject, "origin": args.origin, "key": args.key}
    given = {name: value for name, value in wanted.items() if value is not None}
    rows: QuerySet[Any] = model._default_manager.using(router.db_for_read(model))
    texts = csv_rows if args.format == "csv" else json_rows
    print_data(texts(rows.filter(**given).order_by(at, "id")))


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write it like 2026-11-24T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


EXPORT = make_command(
    "export",
    types={"--since": _time, "--until": _time, "--subject": indexable, "--key": indexable},
    run=_export,
)
