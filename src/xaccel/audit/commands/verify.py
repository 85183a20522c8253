"""`manage.py xaccel verify`: whether the trail is what it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.db import connections, router, transaction

from xaccel.audit.chain.verify import verify
from xaccel.audit.commands import checkpoint
from xaccel.audit.models import Transfer
from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused, XaccelError
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `verify`."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="what `checkpoint` printed, kept elsewhere since"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="PEM file of the checkpoint's public key")


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Walk the chain and print what was found.

    Raises XaccelError where it does not hold, OptionRefused for one option without the other.
    """
    if bool(args.checkpoint) != bool(args.key):
        raise OptionRefused(
            "--checkpoint or --key is missing", where="verify", remedy="Give --checkpoint and --key together."
        )
    known = checkpoint.read(args.checkpoint, args.key) if args.checkpoint else None
    using = router.db_for_read(Transfer)
    with transaction.atomic(using=using):  # one state of the database, while `ingest` goes on
        if connections[using].vendor == "postgresql":
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = verify(using, known=known)
    print(f"{found.sealed} transfers are sealed, {found.deleted} deleted, {found.forgotten} pseudonymised")
    print(f"{found.downloads} downloads are compared with their transfers")
    print(
        f"{found.waiting} transfers wait for their log entry or for `ingest`; {found.never_sealed} are never sealed"
    )
    print(f"{found.late} log entries came after their transfer was sealed")
    if found.many:
        raise XaccelError(
            "; ".join(found.problems) + (" …" if found.many > len(found.problems) else ""),
            where=f"{found.many} problems in the trail",
            remedy="Compare with a backup, and keep checkpoints where the database's owner cannot reach them.",
        )


COMMAND = Command(
    help="check the seals over the transfers",
    description="Compare the seals (XACCEL_AUDIT['CHAIN']) with the transfers, and these with the downloads. A trail"
    " that was rewritten as a whole, seals included, shows only with --checkpoint.",
    add_arguments=add_arguments,
    run=run,
)
