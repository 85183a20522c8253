"""`manage.py xaccel verify`: whether the trail is what it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.db import router

from xaccel.audit.chain.trails import ExportedTrail, StoredTrail, unmoved
from xaccel.audit.chain.verify import Trail, verify
from xaccel.audit.models import Transfer
from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused, XaccelError
from xaccel.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `verify`."""
    parser.add_argument(
        "--link", default="", metavar="HEX", help="the newest link of an earlier run, kept elsewhere"
    )
    parser.add_argument(
        "--transfers",
        type=Path,
        metavar="FILE",
        help="an export to check, with --seals, in place of the database",
    )
    parser.add_argument("--seals", type=Path, metavar="FILE", help="what `export seals` wrote after that")
    parser.add_argument(
        "--downloads",
        type=Path,
        metavar="FILE",
        help="what `export downloads` wrote, to compare with all transfers",
    )
    parser.add_argument(
        "--part",
        action="store_true",
        help="the export is a selection: others than its transfers are sealed too",
    )


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    """Walk the chain and say what was found.

    Raises XaccelError where it does not hold, OptionRefused for half an export, InputRefused for what is none.
    """
    with unmoved(router.db_for_read(Transfer)):
        verdict = verify(_trail(args), known=args.link, part=args.part)
    print(
        f"{verdict.sealed} transfers are sealed, {verdict.deleted} deleted, {verdict.forgotten} pseudonymised"
    )
    if verdict.downloads:
        print(f"{verdict.downloads} downloads are what their transfers say")
    if args.part:
        print(f"{verdict.missing} of the sealed ones are not in the export")
    if verdict.pruned_before:
        print(f"deleted was what is of before {verdict.pruned_before.isoformat()}")
    if verdict.dropped_before:
        print(f"addresses were taken out of what ended before {verdict.dropped_before.isoformat()}")
    if verdict.waiting:
        print(f"{verdict.waiting} are not sealed yet: they wait for their line, or for `ingest`")
    if verdict.never_sealed:
        print(f"{verdict.never_sealed} are over and not sealed: CHAIN was off, or they were slipped in")
    if verdict.older:
        print(f"{verdict.older} were exported before they were sealed, and are not compared")
    if verdict.again:
        print(f"{verdict.again} were sealed again: their line came late")
    print(f"newest link: {verdict.newest}")
    if verdict.many:
        raise XaccelError(
            "; ".join(verdict.problems) + (" …" if verdict.many > len(verdict.problems) else ""),
            where=f"{verdict.many} problems in the chain",
            remedy="Compare with a backup, and keep the newest link where the database's owner cannot reach it.",
        )


def _trail(args: argparse.Namespace) -> Trail:
    if args.part and args.downloads:
        raise OptionRefused(
            "downloads are compared with all of their transfers",
            where="--downloads, --part",
            remedy="Export all transfers, or leave the downloads out.",
        )
    if args.transfers and args.seals:
        return ExportedTrail(args.transfers, args.seals, args.downloads)
    if args.transfers or args.seals or args.downloads or args.part:
        raise OptionRefused(
            "an export is checked with its transfers and its seals",
            where="--transfers, --seals",
            remedy="Give both, the seals exported after the transfers; or neither, for the database.",
        )
    return StoredTrail(router.db_for_read(Transfer))


COMMAND = Command(
    help="check the hash chain over the transfers",
    description="Walk the hash chain (XACCEL_AUDIT['CHAIN']), compare it with the transfers, and these with the"
    " downloads. Keep the newest link elsewhere and give it next time: only then does a chain that was made anew show."
    " With --transfers and --seals the same is asked of exports, which needs no database.",
    add_arguments=add_arguments,
    run=run,
)
