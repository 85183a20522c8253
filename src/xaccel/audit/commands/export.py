"""`manage.py xaccel export`: rows on standard output."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from django.db import router
from django.db.models import QuerySet

from xaccel.audit.decision.storable import indexable
from xaccel.audit.export import csv_rows, json_rows
from xaccel.audit.models import Download, Transfer
from xaccel.cli.command import Command, FindObject
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `export`."""
    parser.add_argument("what", choices=("transfers", "downloads"))
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: %(default)s")
    parser.add_argument("--since", type=_time, metavar="TIME", help="ISO 8601; without an offset it is UTC")
    parser.add_argument("--until", type=_time, metavar="TIME", help="as --since; not included")
    parser.add_argument("--subject", type=indexable, help="of one person")
    parser.add_argument("--origin", help="of one origin")
    parser.add_argument("--key", type=indexable, help="of one object key")


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Print the rows, oldest first."""
    rows = _rows(args)
    for text in (csv_rows if args.format == "csv" else json_rows)(rows):
        sys.stdout.write(text)


def _rows(args: argparse.Namespace) -> QuerySet[Transfer] | QuerySet[Download]:
    rows: QuerySet[Transfer] | QuerySet[Download]
    if args.what == "transfers":
        rows, at = Transfer.objects.using(router.db_for_read(Transfer)), "decided_at"
    else:
        rows, at = Download.objects.using(router.db_for_read(Download)), "opened_at"
    wanted = {
        f"{at}__gte": args.since,
        f"{at}__lt": args.until,
        "subject": args.subject,
        "origin": args.origin,
        "key": args.key,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None}).order_by(
        at, "id"
    )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it like 2026-11-24T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


COMMAND = Command(
    help="print transfers or downloads as CSV or JSON Lines",
    description="Print transfers or downloads, oldest first, in constant memory. In CSV"
    " what a spreadsheet would take for a formula has an apostrophe before it.",
    add_arguments=add_arguments,
    run=run,
)
