"""`xaccel trace`: show every hop of one download."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from xaccel.cli.command import FindObject, make_command
from xaccel.cli.doctor import headers_of
from xaccel.cli.explain import printable
from xaccel.explain.masking import Mask
from xaccel.explain.trace import trace
from xaccel.explain.trace_output import as_har, as_json, as_lines
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    method, headers = "HEAD" if args.head else "GET", tuple(headers_of(args.header).items())
    log, door = Path(args.log or site.transfer_log), {"connect_to": args.connect, "ca_file": args.ca_file}
    found = as_json(trace(site, args.url, method, headers, log, **door))
    shown = Mask(site.secrets, site.recorded_parameters).everywhere(found)
    if args.json or args.har:
        print(json.dumps(as_har(shown) if args.har else shown, indent=2))
    else:
        print("\n".join(map(printable, as_lines(shown))))


COMMAND = make_command("trace", run=_run)
