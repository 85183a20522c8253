"""`manage.py xaccel ingest`: ingest a log once, or follow it and wait while the database or the log is away."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connections, router

from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.ingest.sweep import sweep, watch
from xaccel.audit.models import Transfer
from xaccel.audit.settings import audit_settings
from xaccel.audit.signals import logger
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.errors import InputRefused
from xaccel.http_client.exchange import address_of
from xaccel.site import Site
from xaccel.site.rules import is_server

AWAY = (OperationalError, InterfaceError, IntegrityError, OSError)
"""Errors of a database that is stopped, locked, out of disk space or has no partition, and of a log without read
permission."""
_FIRST_S, _LONGEST_S = 0.2, 5.0
"""Seconds between two attempts: twice as many each time, up to the second number."""
LET_READ = (
    "Make the user that runs `ingest` a member of the log's group (Debian: adm), and let that group read it."
)
POLL_S = 0.5
EVERY_S = 60.0
"""Seconds between two calls of `tidy`."""

T = TypeVar("T")


class Outage:
    """An outage that `ingest` waits for. since: when it began, in seconds since 1970; 0 without one."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.since = self.last_success = 0.0

    def wait_for(self, work: Callable[[], T]) -> T | None:
        """Call `work` until it succeeds, and return its result; None if `ingest` was stopped meanwhile.

        An outage is logged once when it begins, and once when it is over.
        """
        pause = _FIRST_S
        while True:
            try:
                result = work()
            except AWAY as error:
                if not self.since:
                    self.since = time.time()
                    message = "%s: %s `ingest` waits and tries again; nothing is lost. %s"
                    logger.error(message, self.ingest.path, *_explain(error))
            else:
                self.last_success = time.time()
                if self.since:
                    seconds, self.since = self.last_success - self.since, 0.0
                    logger.warning("%s: `ingest` continues after %.0f seconds", self.ingest.path, seconds)
                return result
            # Roll back what the connection was doing; the next attempt opens a new one.
            with suppress(*AWAY):
                connections[self.ingest.using].close()
            for _ in range(round(pause / 0.05)):
                if self.ingest.stopped():
                    return None
                time.sleep(0.05)
            pause = min(2 * pause, _LONGEST_S)


def _explain(error: Exception) -> tuple[str, str]:
    """Return what failed and what to do."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, PermissionError):
        return f"this user may not read {error.filename or 'the log'}.", LET_READ
    if isinstance(error, OSError):
        return f"the log cannot be read: {text}.", "Look at its folder and its disk."
    return (
        f"the database does not accept the entries: {text}.",
        "Look at its server, locks, disk and constraints.",
    )


def take(ingest: Ingest) -> None:
    """Ingest everything written before the call. Raises InputRefused for a log that must not be read."""
    try:
        ingest.ingest_available()
        if not ingest.stopped():
            ingest.ingest_available()  # what was truncated or rotated away in the middle of the first
    except PermissionError as error:
        what = "this user may not read the log"
        raise InputRefused(what, where=str(error.filename), remedy=LET_READ) from error


def follow(outage: Outage, *, tidy: Callable[[datetime], object], quiet: bool) -> None:
    """Ingest until `stopped`, and at its end what was written before; wait while the database or the log is away.

    Calls `tidy` at intervals of EVERY_S, whether the log is quiet or not, with a time before which everything is
    ingested. Unless `quiet`, it prints a line as soon as the log was read to its end for the first time.
    """
    last = float("-inf")
    while True:
        began = datetime.now(UTC)
        found = outage.wait_for(outage.ingest.ingest_available)
        if outage.ingest.stopped():
            if found is not None:
                # NGINX may have ended during this read, right before SIGTERM.
                outage.wait_for(outage.ingest.ingest_available)
            return
        if time.monotonic() - last >= EVERY_S:
            outage.wait_for(partial(tidy, began))
            last = time.monotonic()
        if not found:
            if not quiet:
                line = f"Up to date, waiting for new log entries: {outage.ingest.path}"
                print_line(line, to=sys.stderr)
                quiet = True
            time.sleep(POLL_S)


def _ingest(args: argparse.Namespace, site: Site) -> None:
    path: Path = args.file
    if not path.exists() and not args.follow:
        remedy = 'Give the log of the site: XACCEL["TRANSFER_LOG"].'
        raise InputRefused("there is no such file", where=str(path), remedy=remedy)
    conf, using = audit_settings(), router.db_for_write(Transfer)

    def tidy(now: datetime) -> None:
        if failed_members is not None:
            failed_members.ingest_available()
        unknown = sweep(conf, now=now, using=using)
        free, awaited = watch(path, now=now, using=using)
        if args.metrics:
            metrics.watched(path, unknown, free, awaited)

    with ExitStack() as stack:
        stopped = stack.enter_context(_stopping())
        ingest = Ingest(path, conf, using=using, stopped=stopped)
        failed_members = None
        # NGINX writes both logs below its prefix if their names are relative.
        members = args.members or (site.archives and path.parent / site.archives.log)
        if members:
            from xaccel.audit.ingest.failed_members import IngestFailedMembers  # no other site needs it

            failed_members = IngestFailedMembers(members, conf, using=using, stopped=stopped)
        outage = Outage(ingest)
        if args.metrics:
            from xaccel.audit import metrics

            served = metrics.serve(
                args.metrics,
                waits=lambda: bool(outage.since),
                last_success=lambda: outage.last_success,
                lag_s=ingest.lag_s,
            )
            stack.enter_context(served)
        began = datetime.now(UTC)
        if args.follow:
            follow(outage, tidy=tidy, quiet=args.quiet)
        else:
            take(ingest)
            if not stopped():
                tidy(began)
    if not args.quiet:
        print_line(_summary(ingest.counted))


def _summary(counted: Counter[str]) -> str:
    said = (
        ("duplicates", "of them stored before"),
        ("skipped", "of them skipped: older than a `prune`, or of a forgotten user"),
        ("rejected", "rejected, stored in the table xaccel_rejected_line"),
        ("lost", "files truncated or removed before their end was read"),
    )
    more = [f"{counted[name]} {what}" for name, what in said if counted[name]]
    return ", ".join([f"{counted['lines']} lines read", *more])


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM and Ctrl-C end the work after the batch that is being stored."""
    stop = Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(text: str) -> tuple[str, int]:
    if not is_server(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address: write it like 127.0.0.1:9109")
    return address_of(text)


INGEST = make_command("ingest", types={"file": Path, "--members": Path, "--metrics": _address}, run=_ingest)
