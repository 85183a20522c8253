"""`xaccel serve` and `xaccel demo`, whose code is in the distribution xaccel-testing: production does not need it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import Any

from xaccel.commands.command import make_command
from xaccel.errors import XaccelError

# until the first release, the names of the distributions belong to nobody at PyPI
_INSTALL_SERVE = (
    "In the folder that contains the clone of xaccel, run `pip install './xaccel[nginx]' ./xaccel/testing`."
)
_INSTALL_DEMO = "In a clone of the repository, run scripts/demo."


def _run(name: str, remedy: str, *arguments: Any) -> None:
    """Run the command. Raises XaccelError if xaccel-testing is not installed."""
    try:
        run = resolve_name(f"xaccel_testing.{name}:run")
    except ModuleNotFoundError as error:
        raise XaccelError("xaccel-testing is not installed", where=name, remedy=remedy) from error
    run(*arguments)


def _add_arguments_of_demo(parser: argparse.ArgumentParser) -> None:
    # this parser must not read options, not even --help: all arguments are the portal's
    parser.prefix_chars = "\0"
    parser.add_argument(
        "options", nargs="*", metavar="OPTION", help="of the demo; `xaccel demo --help` lists them"
    )


SERVE = make_command("serve", run=partial(_run, "serve", _INSTALL_SERVE))
DEMO = replace(
    make_command("demo", run_unread=partial(_run, "demo", _INSTALL_DEMO)),
    add_arguments=_add_arguments_of_demo,
)
