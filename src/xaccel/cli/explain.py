"""`xaccel explain`: say why a download failed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused
from xaccel.explain import ask_store, line_of
from xaccel.site import Site


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "transfer_id", metavar="TRANSFER-ID", help="`id` of the line; the app's log has it too"
    )
    parser.add_argument("--log", metavar="FILE", help="NGINX's JSON line log (default: the site's)")
    parser.add_argument("--origin", metavar="NAME", help="origin of the object (default: the line's)")
    parser.add_argument("--bucket", metavar="NAME", help="which bucket, for an origin that covers many")
    parser.add_argument("--key", metavar="KEY", help="object key (default: what the app finds)")
    parser.add_argument("--version-id", metavar="ID", help="version of an S3 object (default: the newest)")


def _run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    log = Path(args.log or site.log_path)
    try:
        line = line_of(args.transfer_id, log)
    except OSError as error:
        print(f"line: {log} cannot be read ({error.strerror})")
        line = None
    else:
        print(f"line: {json.dumps(line)}" if line else f"line: none in {log}")
    recorded = find_object(args.transfer_id) if find_object is not None and args.key is None else None
    origin = args.origin or (recorded[0] if recorded else line["origin"] if line else None)
    key = args.key or (recorded[1] if recorded else None)
    if origin is None or key is None:
        raise OptionRefused(
            "which object it was is not known",
            where="explain",
            remedy="Give --origin and --key: the line holds no object key.",
        )
    finding = ask_store(site, origin, key, args.version_id, bucket=args.bucket)
    print(f"store: {finding.code or 'delivers'}")
    print(f"remedy: {finding.remedy}")


COMMAND = Command(
    help="say why a download failed, and ask the store once",
    description="Show the line of a transfer, and ask the store from this machine for the first byte of its object."
    " The line does not hold the object key: give it, unless the app can find it.",
    add_arguments=_add_arguments,
    run=_run,
)
