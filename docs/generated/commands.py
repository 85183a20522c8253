"""The page of the commands, from argparse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs.generated.docstrings import escaped
from xaccel.tools import cli


def parsers(*, file: bool) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each subcommand."""
    parser = argparse.ArgumentParser(prog="xaccel")
    cli.add_commands(parser, cli.STAND_ALONE if file else cli.COMMANDS, file=file)
    return dict(_leaves(parser, ""))


def _leaves(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, own in group.choices.items():
            yield from _leaves(own, f"{name} {word}".strip())


def sections() -> str:
    """Return one section for each command, with a table of its arguments."""
    return "\n".join(
        f"## `{name}`\n\n{parser.description}\n\n{arguments(parser)}"
        for name, parser in parsers(file=True).items()
    )


def arguments(parser: argparse.ArgumentParser) -> str:
    """Return the table of a parser's arguments."""
    rows = ["| Argument | Meaning |", "|---|---|"]
    for action in parser._actions:
        if action.dest != "help" and action.help != argparse.SUPPRESS:
            rows.append(f"| {_spelled(action)} | {_meaning(parser, action)} |")
    return "\n".join(rows) + "\n"


def _spelled(action: argparse.Action) -> str:
    value = ""
    if action.nargs != 0:
        value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        if action.choices is not None:
            value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{option} {value}`".replace(" `", "`") for option in action.option_strings)


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    values = {"default": action.default, "prog": parser.prog}
    text = (action.help or "") % values
    return escaped(text).replace("|", "\\|")
