"""The commands `python -m xaccel` and `manage.py xaccel`, by their names."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from xaccel.cli import config, doctor, explain, purge, refresh
from xaccel.cli.command import Command, Commands, FindObject, Group, ReadSite
from xaccel.errors import XaccelError
from xaccel.site import Site, read_file

STOPPED, NOT_READ = 130, 141
"""The exit statuses after Ctrl-C, and where nobody reads the output any more (`| head`), as shells have them."""

_COMMANDS: Commands = {
    "config": config.COMMAND,
    "refresh": refresh.COMMAND,
    "doctor": doctor.COMMAND,
    "explain": explain.COMMAND,
    "cache": Group(help="the objects in NGINX's cache", commands={"purge": purge.COMMAND}),
}


def add_arguments(
    parser: argparse.ArgumentParser,
    *,
    file: bool,
    more: Commands | None = None,
    common: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> None:
    """Add the subcommands, and `more` of them, to `parser`, each with the arguments that `common` adds.

    `file` for a command that reads the site from a file.
    """
    _add(parser, {**_COMMANDS, **(more or {})}, file=file, common=common)


def _add(
    parser: argparse.ArgumentParser,
    commands: Commands,
    *,
    file: bool,
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    found = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in commands.items():
        if isinstance(command, Group):
            group = found.add_parser(name, help=command.help, description=f"Commands for {command.help}.")
            _add(group, command.commands, file=file, common=common)
            continue
        own = found.add_parser(name, help=command.help, description=command.description)
        own.set_defaults(xaccel_command=command)
        if file and command.run is not None:
            own.add_argument(
                "file",
                metavar="FILE",
                help="the site, in the keys of settings.XACCEL: TOML, or JSON in a file named *.json",
            )
        command.add_arguments(own)
        common(own)


def run(
    args: argparse.Namespace, site: Site | ReadSite | None, find_object: FindObject | None = None
) -> None:
    """Carry out the parsed command. `find_object` knows what `explain` is not told.

    site: the site, or what reads it; None: the command line names its file.

    Raises XaccelError, one of its kinds, for what is wrong with the site or the NGINX.
    """
    command: Command = args.xaccel_command
    read_site = (lambda: site) if isinstance(site, Site) else site
    if command.run_unread is not None:
        command.run_unread(args, read_site, find_object)
    elif command.run is not None:
        command.run(args, read_site() if read_site else read_file.read(args.file), find_object)


def forget_output() -> None:
    """Send what is still to be printed nowhere, so that Python does not report the closed pipe when it ends."""
    # https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m xaccel`; return the exit status."""
    parser = argparse.ArgumentParser(prog="xaccel", description="Your app decides, NGINX delivers.")
    add_arguments(parser, file=True)
    args = parser.parse_args(argv)
    try:
        run(args, None)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        return NOT_READ
    except (XaccelError, OSError) as error:
        print(f"xaccel: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return STOPPED
    return 0
