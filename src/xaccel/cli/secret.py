"""`xaccel secret`: make a secret for a site."""

from __future__ import annotations

import argparse
import secrets

from xaccel.cli.command import Command, FindObject, ReadSite


def _run(args: argparse.Namespace, read_site: ReadSite | None, find_object: FindObject | None) -> None:
    print(secrets.token_urlsafe(32))


COMMAND = Command(
    help="make a secret for the app and NGINX",
    description="Print a new random secret of 43 characters. Put it into the environment variable of `SECRET_ENV` or"
    " the file of `SECRET_FILE`, which only the app and root may read.",
    add_arguments=lambda parser: None,
    run_unread=_run,
)
