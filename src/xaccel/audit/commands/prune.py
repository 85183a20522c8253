"""`manage.py xaccel prune`: delete what is old."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from django.db import router

from xaccel.audit.commands.age import age
from xaccel.audit.models import Transfer
from xaccel.audit.retention import drop_addresses, prune
from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `prune`."""
    parser.add_argument("--older-than", type=age, metavar="AGE", help="delete rows: 365d, 12h, 4w")
    parser.add_argument(
        "--addresses-older-than", type=age, metavar="AGE", help="keep the rows, remove the addresses"
    )


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Delete, and say how much.

    Raises OptionRefused where no age is given.
    """
    if args.older_than is None and args.addresses_older_than is None:
        raise OptionRefused(
            "no age is given",
            where="prune",
            remedy="Give --older-than or --addresses-older-than, as in 365d.",
        )
    using, now = router.db_for_write(Transfer), datetime.now(UTC)
    if args.older_than is not None:
        removed = prune(now - args.older_than, using=using)
        print(
            f"deleted {removed.transfers} transfers, {removed.downloads} downloads, {removed.garbage} of garbage"
        )
    if args.addresses_older_than is not None:
        print(f"removed {drop_addresses(now - args.addresses_older_than, using=using)} addresses")


COMMAND = Command(
    help="delete what is old",
    description="Delete transfers and downloads beyond an age, or only the addresses in them. Run it by a timer.",
    add_arguments=add_arguments,
    run=run,
)
