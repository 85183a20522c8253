"""`manage.py xaccel ingest`: from a log to rows."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from django.db import router

from xaccel.audit.conf import configuration
from xaccel.audit.ingest.ingest import Counted, Ingest
from xaccel.audit.ingest.sweep import sweep
from xaccel.audit.log.follow import follow, take
from xaccel.audit.models import Transfer
from xaccel.audit.watch import Watched, watch
from xaccel.cli.command import Command, FindObject
from xaccel.errors import InputRefused
from xaccel.site import Site

POLL_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `ingest`."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="the log, under the name that NGINX writes to"
    )
    parser.add_argument("--follow", action="store_true", help="go on until stopped, through rotations")
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        type=_address,
        help="count for Prometheus, and answer GET /metrics there; needs prometheus-client",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Take the log in.

    Raises ConfigErrors for wrong settings, InputRefused for a file that is not there or must not be read.
    """
    conf, using = configuration(), router.db_for_write(Transfer)
    path: Path = args.file
    if not path.exists() and not args.follow:
        raise InputRefused(
            "there is no such file",
            where=str(path),
            remedy='Give the log of the site: XACCEL["TRANSFER_LOG"].',
        )

    def tidy(now: datetime) -> None:
        unknown, _ = sweep(conf, now=now, using=using)
        show(str(path), watch(path, unknown=unknown, now=now, using=using))

    def up_to_date() -> None:
        if not args.quiet:
            print(f"Up to date, waiting for new log entries: {path}", file=sys.stderr, flush=True)

    with _stopping() as stopped, _metrics(args.metrics) as show:
        ingest = Ingest(path, conf, using=using, stopped=stopped)
        began = datetime.now(UTC)
        with _health(ingest, shown=args.metrics is not None):
            with _readable():
                if args.follow:
                    follow(ingest, poll_s=POLL_S, tidy=tidy, up_to_date=up_to_date)
                else:
                    take(ingest)
            if not stopped():
                tidy(began)
    if not args.quiet:
        print(_summary(ingest.counted))


def _summary(counted: Counted) -> str:
    said = [f"{counted.lines} lines"]
    if counted.duplicates:
        said.append(f"{counted.duplicates} of them known already")
    if counted.skipped:
        said.append(
            f"{counted.skipped} of them older than what `prune` or `forget` removed, so not stored again"
        )
    if counted.garbage:
        said.append(f"{counted.garbage} that are none, kept in the table xaccel_garbage")
    if counted.lost:
        said.append(f"{counted.lost} files cut or lost before their end was read")
    return ", ".join(said)


@contextmanager
def _readable() -> Iterator[None]:
    """Say whom to let read.

    Raises InputRefused for a log that must not be read.
    """
    try:
        yield
    except PermissionError as error:
        raise InputRefused(
            "the log must not be read by this user",
            where=str(error.filename),
            remedy="Make the user that runs `ingest` a member of the log's group, and let that group read it.",
        ) from error


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """SIGTERM and Ctrl-C end the work behind the batch that is being stored."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: write it like 127.0.0.1:9109")
    return host.strip("[]"), int(port)


@contextmanager
def _metrics(address: tuple[str, int] | None) -> Iterator[Callable[[str, Watched], object]]:
    """Tell Prometheus meanwhile what is taken in; what is yielded shows it a look at the log.

    Raises InputRefused for an address that cannot be had.
    """
    if address is None:
        yield lambda path, found: None
        return
    from xaccel.audit.metrics import metrics, serve

    try:
        end = serve(*address)
    except OSError as error:
        raise InputRefused(
            f"the address cannot be had: {error.strerror or error}",
            where="--metrics",
            remedy="Give an address of this machine and a port that is free.",
        ) from error
    try:
        yield metrics().watched
    finally:
        end()


@contextmanager
def _health(ingest: Ingest, *, shown: bool) -> Iterator[None]:
    """Tell Prometheus meanwhile how `ingest` itself is."""
    if not shown:
        yield
        return
    from xaccel.audit.ingest.health import health

    with health(ingest):
        yield


COMMAND = Command(
    help="take NGINX's log of transfers into the database",
    description="Take NGINX's JSON lines into the database of the audit trail. The"
    " position is kept with the rows: run it again, by a timer or with --follow, and it goes on where it was. Rotated"
    " files beside FILE are found.",
    add_arguments=add_arguments,
    run=run,
)
