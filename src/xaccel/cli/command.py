"""What a command is, and a group of commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xaccel.site import Site

ReadSite = Callable[[], Site]
"""Raises XaccelError for settings that are wrong."""

FindObject = Callable[[str], tuple[str, str] | None]
"""From a transfer id to origin and object key, as the app recorded them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `help` and `description` are shown by --help; `run` raises XaccelError, one of its kinds.

    run_unread: for a command that reads the site itself, so that it can report wrong settings. Its second argument is
    None where the command line names the file.
    """

    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Site, FindObject | None], None] | None = None
    run_unread: Callable[[argparse.Namespace, ReadSite | None, FindObject | None], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands behind one word, such as `xaccel cache purge`. `help` is shown by --help."""

    help: str
    commands: Mapping[str, Command]


Commands = Mapping[str, Command | Group]
"""By the word on the command line."""
