"""`xaccel trace`: show every hop of one download."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from xaccel.cli.command import FindObject, Subcommand
from xaccel.cli.doctor import headers_of
from xaccel.cli.explain import printable
from xaccel.explain.masking import Mask
from xaccel.explain.trace import trace
from xaccel.explain.trace_output import as_har, as_json, as_lines
from xaccel.site import Site


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the URL of the download, as users request it")
    what = "sent with the request, for example a cookie; @FILE reads one header per line"
    parser.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help=what)
    parser.add_argument("--head", action="store_true", help="send HEAD instead of GET")
    parser.add_argument("--connect", default="", metavar="HOST:PORT", help="connect to this address")
    parser.add_argument("--ca-file", metavar="FILE", help="authorities for the site (default: the system's)")
    parser.add_argument("--log", metavar="FILE", help="NGINX's JSON log (default: the site's TRANSFER_LOG)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument(
        "--har", action="store_true", help="print a HAR 1.2 archive, for the tools of a browser"
    )


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    method, headers = "HEAD" if args.head else "GET", tuple(headers_of(args.header).items())
    log, door = Path(args.log or site.transfer_log), {"connect_to": args.connect, "ca_file": args.ca_file}
    found = as_json(trace(site, args.url, method, headers, log, **door))
    shown = Mask(site.secrets, site.recorded_parameters).everywhere(found)
    if args.json or args.har:
        print(json.dumps(as_har(shown) if args.har else shown, indent=2))
    else:
        print("\n".join(map(printable, as_lines(shown))))


COMMAND = Subcommand(
    help="show every hop of one download, with its headers",
    description="Request one download at the site's address, and show every hop, up to the origin and its redirects."
    " For each header, it shows who used, changed or dropped it. Signatures, cookies and passwords are masked. The"
    " request has a key made with the site's secret, for this URL and method, valid for 60 seconds; the app accepts it"
    " once. This machine repeats the requests to the origin as NGINX sends them.",
    add_arguments=_add_arguments,
    run=_run,
)
