"""`manage.py xaccel verify`: whether the trail is what it was."""

from __future__ import annotations

import argparse

from django.db import router

from xaccel.audit.chain import verify
from xaccel.audit.models import Transfer
from xaccel.cli.command import Command, FindObject
from xaccel.errors import XaccelError
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `verify`."""
    parser.add_argument(
        "--link", default="", metavar="HEX", help="the newest link of an earlier run, kept elsewhere"
    )


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Walk the chain and say what was found.

    Raises XaccelError where it does not hold.
    """
    verdict = verify(using=router.db_for_read(Transfer), known=args.link)
    print(
        f"{verdict.sealed} transfers are sealed, {verdict.deleted} deleted, {verdict.forgotten} pseudonymised"
    )
    if verdict.again:
        print(f"{verdict.again} were sealed again: their line, or their decision, came late")
    print(f"newest link: {verdict.newest}")
    if verdict.many:
        raise XaccelError(
            "; ".join(verdict.problems) + (" …" if verdict.many > len(verdict.problems) else ""),
            where=f"{verdict.many} problems in the chain",
            remedy="Compare with a backup, and keep the newest link where the database's owner cannot reach it.",
        )


COMMAND = Command(
    help="check the hash chain over the transfers",
    description="Walk the hash chain (XACCEL_AUDIT['CHAIN']) and compare it with the transfers. Keep the newest link"
    " elsewhere and give it next time: only then does a chain that was made anew show.",
    add_arguments=add_arguments,
    run=run,
)
