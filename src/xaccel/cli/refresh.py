"""`xaccel refresh`: keep the written files fresh where NGINX cannot follow DNS."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaccel.cli import nginx_arguments
from xaccel.cli.command import Command, FindObject
from xaccel.nginx import files
from xaccel.site import Site


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    nginx_arguments.add_arguments(parser)
    parser.add_argument(
        "--write", metavar="DIR", required=True, help="the folder that `config --write` wrote"
    )


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    nginx_arguments.warn_of(site)
    changed = files.refresh(
        files.texts(
            site, nginx_arguments.nginx_of(args, site), Path(args.write), write_addresses=args.resolve
        ),
        [args.nginx or nginx_arguments.find_nginx(), *args.nginx_option],
    )
    print(f"reloaded: {', '.join(path.name for path in changed)} changed" if changed else "nothing changed")


COMMAND = Command(
    help="look the origins' addresses up again and reload NGINX if they changed",
    description="Write the files of `config --write DIR` again. Where one changed and `nginx -t` accepts it, NGINX"
    " is reloaded; where it does not, the old files come back. For an NGINX before 1.27.3, which cannot follow DNS"
    " itself: run it every few minutes.",
    add_arguments=_add_arguments,
    run=_run,
)
