"""Commands of `xaccel` and `manage.py xaccel`, and their arguments on one parser."""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, NoReturn

from xaccel.commands.printing import escape
from xaccel.errors import OptionRefused
from xaccel.site import Site

ReadSite = Callable[[], Site]
"""Raises XaccelError for settings that are wrong."""

FindObject = Callable[..., tuple[str, str] | None]
"""From a transfer id, and of an archive the number of a member, to origin and object key as the app recorded them."""


_TABLE = tomllib.loads(Path(__file__).with_name("commands.toml").read_text(encoding="utf-8"))


class Parser(argparse.ArgumentParser):
    """A parser that escapes the arguments in its messages: a script may have taken them from file names."""

    def error(self, message: str) -> NoReturn:
        super().error(escape(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subcommand:
    """One command. `help` and `description` are shown by --help; `run` raises XaccelError, one of its kinds.

    run_unread: for a command that reads the site itself, so that it can report wrong settings. Its second argument is
    None where the command line names the file.
    """

    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Site], None] | None = None
    run_unread: Callable[[argparse.Namespace, ReadSite | None], None] | None = None


Types = Mapping[str, Callable[[str], object]]
"""By argument: what argparse makes of its text."""


def make_command(name: str, *, types: Types = MappingProxyType({}), **run: Any) -> Subcommand:
    """Return the command of commands.toml with this name; `run` has the other fields."""
    row = _TABLE[name]
    texts = {"help": row["help"], "description": row["description"]}
    return Subcommand(**texts, add_arguments=partial(_add_arguments, name, types), **run)


def _add_arguments(name: str, types: Types, parser: argparse.ArgumentParser) -> None:
    row = _TABLE[name]
    if "includes" in row:
        _add_arguments(row["includes"], types, parser)
    exclusive = row.get("exclusive", ())
    group = parser.add_mutually_exclusive_group() if exclusive else parser
    for argument, options in row.get("arguments", {}).items():
        more: dict[str, Any] = {"type": types[argument]} if argument in types else {}
        (group if argument in exclusive else parser).add_argument(argument, **options, **more)


Commands = Mapping[str, str | Mapping[str, str]]
"""By the word on the command line: where the Subcommand is, such as "xaccel.tools.cli.explain:COMMAND".

The workers of an app import no command. A mapping has those behind a second word, such as `xaccel crc fill`."""


def add_commands(
    parser: argparse.ArgumentParser,
    commands: Commands,
    *,
    file: bool,
    common: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> None:
    """Add subcommands to `parser`, each with the arguments that `common` adds.

    `file` for a command that reads the site from a file.
    """
    found = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, place in commands.items():
        if not isinstance(place, str):
            add_commands(found.add_parser(name, **_TABLE[name]), place, file=file, common=common)
            continue
        command: Subcommand = resolve_name(place)
        own = found.add_parser(name, help=command.help, description=command.description)
        own.set_defaults(xaccel_command=command)
        if file and command.run is not None:
            own.add_argument(
                "file",
                metavar="FILE",
                help="the file of the site: TOML, or JSON if its name ends with .json",
            )
        command.add_arguments(own)
        common(own)


def this_program() -> list[str]:
    """Return the words that run this program again, without arguments: for a process that reads changed settings."""
    main = sys.modules["__main__"].__spec__
    program = ["-m", main.parent] if main is not None and main.parent else [sys.argv[0]]
    return [sys.executable, *program]


def headers_of(given: Sequence[str]) -> Mapping[str, str]:
    """Return the headers of --header options. Raises OptionRefused."""
    found = {}
    for text in given:
        for line in Path(text[1:]).read_text().splitlines() if text.startswith("@") else [text]:
            name, colon, value = line.partition(":")
            if re.fullmatch(r"[!-~]+", name) and colon:
                found[name] = value.strip()
            elif line.strip():
                remedy = 'Write it like "Cookie: sessionid=…".'
                raise OptionRefused("it is not a header", where="--header", remedy=remedy)
    return found
