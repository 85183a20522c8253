"""`manage.py xaccel reconcile`: compare the trail with the store's own access log."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from django.db import router

from xaccel.audit.commands.age import age
from xaccel.audit.models import Transfer
from xaccel.audit.reconcile.compare import Comparison, Found
from xaccel.audit.reconcile.store_log import StoreLog
from xaccel.audit.reconcile.verdict import Kind
from xaccel.cli.command import Command, FindObject
from xaccel.errors import InputRefused, XaccelError
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `reconcile`."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="S3 server access logs, or the audit log of SeaweedFS as JSON Lines; a folder means all files in it",
    )
    parser.add_argument(
        "--grace",
        type=age,
        default=timedelta(hours=24),
        metavar="AGE",
        help="how late entries come into the store's log: 24h, the default, or 2d",
    )
    parser.add_argument("--each", action="store_true", help="print a line for each transfer")


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Compare both logs and print the result.

    Raises XaccelError for contradictions, InputRefused for files that are no access log.
    """
    log = StoreLog(args.files)
    comparison = Comparison(site, log, grace=args.grace, using=router.db_for_read(Transfer))
    for id_, verdict in comparison.verdicts():
        if args.each or verdict.kind == Kind.CONTRADICTION:
            print(f"{id_}  {verdict.kind}" + (f": {verdict.why}" if verdict.why else ""))
    if log.lines == log.unreadable:
        raise InputRefused(
            f"none of {log.lines} lines is an entry of an access log",
            where=", ".join(map(str, args.files)),
            remedy="Give S3 server access logs as S3 writes them, or the JSON Lines of SeaweedFS.",
        )
    _summary(comparison.found, log)
    if comparison.found.contradictions:
        raise XaccelError(
            "the trail and the store's log do not agree",
            where=f"{comparison.found.contradictions} contradictions",
            remedy="Run `ingest` first. If they stay: the trail or the store's log was changed, a part of the store's"
            " log is missing, or somebody else has credentials of the store.",
        )


def _summary(found: Found, log: StoreLog) -> None:
    print(
        f"{log.lines} lines of the store's log, {log.first:%Y-%m-%d %H:%M} to {log.last:%Y-%m-%d %H:%M} UTC"
    )
    if log.unreadable:
        print(f"{log.unreadable} of them could not be read")
    for kind in (Kind.MATCHED, Kind.EXPLAINED, Kind.AWAITED):
        print(f"{found.of(kind)} transfers {kind}")
        for verdict, count in sorted(found.counts.items(), key=lambda item: -item[1]):
            if verdict.kind == kind and verdict.why:
                print(f"    {count} {verdict.why}")
    if found.pruned:
        print(f"{found.pruned} requests of transfers that `prune` deleted")
    if found.refused:
        print(f"{found.refused} requests with an unknown id, which the store refused")
    if log.others:
        print(f"{log.others} downloads by other clients of the store, without an id")
    print(f"{found.contradictions} contradictions")


COMMAND = Command(
    help="compare the trail with the store's own access log",
    description="Compare the transfers with what the store logged: each is matched, explained (cache, slices, 304,"
    " answered by the app), not in the store's log yet, or a contradiction. Contradictions end the command with exit"
    " status 1. Run `ingest` first. No line and no query of the store's log is printed.",
    add_arguments=add_arguments,
    run=run,
)
