"""`xaccel config`: print the NGINX text of a site."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xaccel.cli import build
from xaccel.cli.command import Command, FindObject
from xaccel.nginx import files, render, slices, standalone
from xaccel.site import Site


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    build.add_arguments(parser)
    parser.add_argument(
        "--part",
        choices=files.PARTS,
        help="print one part only: http level, server level, location that proxies to the app, server of `warm`",
    )
    parser.add_argument(
        "--write",
        metavar="DIR",
        help="write xaccel-http.conf, -server.conf, -app.conf, -warm.conf and xaccel.js, as far as wanted",
    )
    parser.add_argument("--standalone", action="store_true", help="print a whole nginx.conf")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="with --standalone (default %(default)s)")
    parser.add_argument(
        "--app", default="127.0.0.1:8000", help="with --standalone: the app server (default %(default)s)"
    )
    parser.add_argument(
        "--user", help="with --standalone, for a master that runs as root: user of the workers"
    )


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    nginx = build.nginx_of(args, loads_itself=args.standalone)
    build.warn_of(site, own_prefix=args.standalone)
    if slices.missed(site, nginx):
        print(f"xaccel: warning: {slices.NO_MODULE}", file=sys.stderr)
    if args.write:
        for path in files.write(files.texts(site, nginx, Path(args.write), write_addresses=args.resolve)):
            print(path)
        return
    parts = render(site, nginx, write_addresses=args.resolve)
    if args.standalone:
        text = standalone(site, nginx, listen=args.listen, app=args.app, root_user=args.user, parts=parts)
        sys.stdout.write(text)
    else:
        chosen = [args.part] if args.part else files.names_of_parts(parts)
        sys.stdout.write("\n".join(files.part_text(parts, name) for name in chosen))


COMMAND = Command(
    help="print the NGINX configuration of the site",
    description="Print the NGINX configuration of the site: parts to include in your own, or a whole file."
    " The text holds the site's secret and the fixed request headers of origins: keep it as readable as a key.",
    add_arguments=_add_arguments,
    run=_run,
)
