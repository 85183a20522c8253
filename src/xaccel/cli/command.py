"""What a command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
