"""`manage.py xaccel crc fill`: find the CRC-32 of files whose rows have none, in the background of the app."""

from __future__ import annotations

import argparse
import http.client
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.django.conf import configuration
from xaccel.django.zip_members import column
from xaccel.errors import ArchiveRefused, OptionRefused, XaccelError
from xaccel.features.archives.crc import Checked, Read, find_crc32

_BATCH = 200


class Unfilled(NamedTuple):
    """A file without CRC-32, and why."""

    pk: Any
    name: str
    why: str


def fill_crc32(
    rows: QuerySet[Any], field: str = "file", *, jobs: int = 4, read: Read = lambda _: None
) -> Iterator[Unfilled | None]:
    """Store size, entity tag and CRC-32 of each file whose row has no CRC-32; yield None for a file that is stored.

    An object is read only if its storage has no CRC-32 of it. Start it again to continue: only rows without CRC-32 are
    looked at. A row that has the entity tag of another version, or changes meanwhile, is not changed. `read` is called
    by several threads, with the number of bytes that came.

    Raises OptionRefused for a model without columns for all three: see the page "CRC-32".
    """
    names = {name: _column(rows.model, field, name) for name in Checked._fields}
    waiting = rows.filter(**{names["crc32"]: None}).exclude(**{field: ""}).order_by("pk")
    last: dict[str, Any] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while batch := list(waiting.filter(**last)[:_BATCH]):
            last = {"pk__gt": batch[-1].pk}
            for row, found in zip(
                batch, pool.map(partial(_find, field=field, read=read), batch), strict=True
            ):
                yield _store(rows, row, field, names, found)


def _find(row: Model, *, field: str, read: Read) -> Checked | str:
    """Return what the storage has, or why not. It makes no query of the database."""
    conf = configuration()
    try:
        return find_crc32(conf.sender, conf.objects.find(getattr(row, field), origin=None), read=read)
    except (XaccelError, OSError, ValueError, http.client.HTTPException) as error:
        return str(error)


def _store(
    rows: QuerySet[Any], row: Any, field: str, names: Mapping[str, str], found: Checked | str
) -> Unfilled | None:
    name, known = getattr(row, field).name, getattr(row, names["etag"])
    if isinstance(found, str):
        return Unfilled(row.pk, name, found)
    etag = found.etag.strip('"')
    if known and known.strip('"') != etag:
        return Unfilled(row.pk, name, f"the row has the entity tag {known!r}, the object {etag!r}")
    same = {"pk": row.pk, field: name, names["etag"]: known, names["crc32"]: None}
    values = found._replace(etag=etag)._asdict()
    changed = (
        rows.model._base_manager.using(rows.db)
        .filter(**same)
        .update(**{names[each]: value for each, value in values.items()})
    )
    return None if changed else Unfilled(row.pk, name, "the row was changed meanwhile")


def _column(model: type[Model], field: str, name: str) -> str:
    found = column(model, field, name)
    try:
        model._meta.get_field(field), model._meta.get_field(found)
    except FieldDoesNotExist as error:
        what = str(error)
        remedy = "Add size, etag and crc32 beside the FileField, as the page about CRC-32 shows."
        raise OptionRefused(what, where=model._meta.label, remedy=remedy) from error
    return found


class _Progress:
    """Counts in one line of a terminal."""

    def __init__(self, total: int) -> None:
        self.total, self.files, self.bytes = total, 0, 0
        self._lock, self._started, self._shown = threading.Lock(), time.monotonic(), 0.0

    def read(self, size: int) -> None:
        """Count bytes, from any thread."""
        with self._lock:
            self.bytes += size
            now = time.monotonic()
            if sys.stderr.isatty() and now - self._shown > 0.2:
                self._shown = now
                print_line(self, to=sys.stderr, end="\r")

    def __str__(self) -> str:
        rate = self.bytes / max(time.monotonic() - self._started, 0.001) / 1e6
        return f"{self.files:,} of {self.total:,} files, {self.bytes / 1e9:.2f} GB read, {rate:.0f} MB/s "


def _run(args: argparse.Namespace, _: object) -> None:
    rows = args.model._base_manager.all()
    progress = _Progress(rows.filter(**{_column(args.model, args.field, "crc32"): None}).count())
    bad = []
    for result in fill_crc32(rows, args.field, jobs=args.jobs, read=progress.read):
        progress.files += 1
        if result is not None:
            bad.append(result)
    print_line(progress)
    for one in bad:
        print_line(f"{one.pk} {one.name!r}: {one.why}")
    if bad:
        remedy = "Correct what is listed above, and run it again."
        raise ArchiveRefused(f"{len(bad)} files have no CRC-32", where="crc fill", remedy=remedy)


def _model(label: str) -> type[Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


COMMAND = make_command("fill", types={"model": _model, "--jobs": int}, run=_run)
