"""What a command is, and a group of commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xaccel.site import Site

FindObject = Callable[[str], tuple[str, str] | None]
"""From a transfer id to origin and object key, as the app recorded them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `help` and `description` are shown by --help; `run` raises XaccelError, one of its kinds."""

    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Site, FindObject | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands behind one word, such as `xaccel cache purge`. `help` is shown by --help."""

    help: str
    commands: Mapping[str, Command]


Commands = Mapping[str, Command | Group]
"""By the word on the command line."""
