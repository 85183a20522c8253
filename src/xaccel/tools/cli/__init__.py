"""The commands `python -m xaccel` and `manage.py xaccel`, by their names. Each command has a file, however short."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from xaccel.commands.command import Commands, FindObject, Parser, ReadSite, Subcommand, add_commands
from xaccel.commands.printing import print_error
from xaccel.errors import XaccelError
from xaccel.site import Site, read_mapping

STOPPED, NOT_READ = 130, 141
"""The exit statuses after Ctrl-C, and after a reader of the output has ended (`| head`), as shells have them."""

COMMANDS: Commands = {
    "config": "xaccel.tools.cli.config:COMMAND",
    "refresh": "xaccel.tools.cli.config:REFRESH",
    "run": "xaccel.tools.cli.run_programs:COMMAND",
    "serve": "xaccel.tools.cli.development:SERVE",
    "doctor": "xaccel.tools.cli.doctor:COMMAND",
    "explain": "xaccel.tools.cli.explain:COMMAND",
    "trace": "xaccel.tools.cli.trace:COMMAND",
    "secret": "xaccel.tools.cli.secret:COMMAND",
    "revoke": "xaccel.tools.cli.revoke:COMMAND",
}
STAND_ALONE: Commands = {
    **COMMANDS,
    "lint": "xaccel.tools.cli.lint:COMMAND",
    "demo": "xaccel.tools.cli.development:DEMO",
}
"""Those of `python -m xaccel`: the others need no settings of a project."""


def run(
    args: argparse.Namespace, site: Site | ReadSite | None, find_object: FindObject = lambda *_: None
) -> None:
    """Run the parsed command. `find_object` finds the object if the arguments of `explain` do not name it.

    site: the site, or a function that reads it; None: the command line names its file.

    Raises a subclass of XaccelError for errors of the site or of NGINX.
    """
    command: Subcommand = args.xaccel_command
    args.find_object = find_object
    read_site = (lambda: site) if isinstance(site, Site) else site
    if command.run_unread is not None:
        command.run_unread(args, read_site)
    elif command.run is not None:
        command.run(args, read_site() if read_site else read_mapping.site_of(args.file))


def forget_output() -> None:
    """Discard the rest of the output, so that Python does not report the closed pipe when it ends."""
    # https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m xaccel`; return the exit status."""
    parser = Parser(prog="xaccel", description="Your app decides, NGINX delivers.")
    parser.add_argument("--version", action="version", version=f"xaccel {version('xaccel')}")
    add_commands(parser, STAND_ALONE, file=True)
    args = parser.parse_args(argv)
    try:
        run(args, None)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        return NOT_READ
    except (XaccelError, OSError) as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        return STOPPED
    return 0
