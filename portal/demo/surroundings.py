"""Isolate the demo's servers and commands from the caller's configuration."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from portal.demo.place import ENVIRONMENTS, PROJECT
from xaccel_testing.servers.processes import write_private

_FOREIGN = ("PYTHONDONTWRITEBYTECODE", "AWS_", "PORTAL_", "DJANGO_", "GUNICORN_", "BOTO_", "S3_USE_SIGV4")
_EMPTY = os.devnull


def isolate(folder: Path) -> None:
    """Change this process's environment so that what it starts reads no profile and writes into `folder` only."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.lower().endswith("_proxy"):
            del os.environ[name]
    home = folder / "home"
    home.mkdir(exist_ok=True)
    os.environ.update(quiet(home))


def quiet(home: Path) -> dict[str, str]:
    """Return the variables that keep Python and botocore to themselves."""
    return {
        "HOME": str(home),
        "AWS_CONFIG_FILE": _EMPTY,
        "AWS_SHARED_CREDENTIALS_FILE": _EMPTY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(PROJECT),
        # compiled modules beside their sources would be files outside of .xaccel/, and without any all starts slowly
        **({"PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "pycache")} if ENVIRONMENTS else {}),
    }


def write_manage(folder: Path, portal: Mapping[str, str]) -> None:
    """Write the script that runs a management command of the portal against these servers, from any folder.

    The secrets are in the script, which only its owner can read: every user can read a command line.
    """
    variables = {**quiet(folder / "home"), **portal}
    command = shlex.join([sys.executable, str(PROJECT / "portal" / "manage.py")])
    lines = [
        "#!/bin/sh",
        "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3",
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f'exec {command} "$@"',
    ]
    write_private(_manage_script(folder), "\n".join(lines) + "\n")


def manage_command(folder: Path) -> list[str]:
    """Return the arguments that run a management command, followed by the command's own."""
    return ["/bin/sh", str(_manage_script(folder))]


def _manage_script(folder: Path) -> Path:
    return folder / "manage.sh"
