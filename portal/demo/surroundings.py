"""What the servers and commands of the demo find around them: nothing of the caller's own configuration."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from portal.demo.place import ENVIRONMENTS, PROJECT

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
        # compiled modules beside their sources would be files outside of .xaccel/, and without any all starts slowly
        "PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "pycache"),
        "PYTHONPATH": str(PROJECT),
    }


def manage_command(portal: Mapping[str, str], home: Path) -> list[str]:
    """Return what runs a management command of the portal against these servers, from any folder."""
    env = shutil.which("env") or "/usr/bin/env"
    unset = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    variables = {**quiet(home), **portal}
    return [
        env,
        *(part for name in unset for part in ("-u", name)),
        *(f"{name}={value}" for name, value in variables.items()),
        sys.executable,
        str(PROJECT / "portal" / "manage.py"),
    ]
