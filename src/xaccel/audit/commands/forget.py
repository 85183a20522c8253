"""`manage.py xaccel forget`: take a person out of the trail."""

from __future__ import annotations

import argparse

from django.db import router

from xaccel.audit.models import Transfer
from xaccel.audit.retention import forget
from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `forget`."""
    parser.add_argument(
        "subject", metavar="SUBJECT", help="as the rows have it: mostly the user's primary key"
    )


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Pseudonymise, and say how many rows.

    Raises OptionRefused for an empty subject, which stands for everybody who was not signed in.
    """
    if not args.subject:
        raise OptionRefused(
            "an empty subject is everybody who was not signed in",
            where="SUBJECT",
            remedy="Give the primary key of one user.",
        )
    pseudonym, changed = forget(args.subject, using=router.db_for_write(Transfer))
    print(f"{changed.transfers} transfers and {changed.downloads} downloads now belong to {pseudonym}")


COMMAND = Command(
    help="put a pseudonym in the place of a person",
    description="Replace a subject by a random pseudonym that is stored nowhere else, and remove addresses, programs"
    " and file names. Sums stay. Logs that were not taken in yet, and rotated ones, still hold the subject.",
    add_arguments=add_arguments,
    run=run,
)
