"""The environment of the demo's servers and commands: the portal's variables, and none of the caller."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from portal.demo.identity import Identity
from portal.demo.place import ENVIRONMENTS, PROJECT
from xaccel.errors import NginxError
from xaccel.tools.nginx import Nginx
from xaccel.tools.nginx.probe import require_safe_ssi
from xaccel_testing import S3Server, free_port
from xaccel_testing.servers.processes import write_private

_FOREIGN = ("PYTHONDONTWRITEBYTECODE", "AWS_", "PORTAL_", "DJANGO_", "GUNICORN_", "BOTO_", "S3_USE_SIGV4")


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
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(PROJECT),
        # compiled modules beside their sources would be files outside of .xaccel/, and without any all starts slowly
        **({"PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "pycache")} if ENVIRONMENTS else {}),
    }


def write_manage(folder: Path, portal: Mapping[str, str]) -> None:
    """Write manage.sh, which runs a management command of the portal against these servers, from any folder.

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
    write_private(folder / "manage.sh", "\n".join(lines) + "\n")


def assembles(build: Nginx) -> bool:
    """Tell whether this NGINX may assemble ZIP archives. If not, the portal offers none."""
    try:
        require_safe_ssi(build)
    except NginxError:
        return False
    return True


def portal_settings(
    folder: Path, identity: Identity, s3: S3Server, build: Nginx, app: str, *, memory: str
) -> dict[str, str]:
    """Return the variables. app: its address, where NGINX asks itself. memory: a folder for what NGINX remembers."""

    def through_nginx(**options: object) -> dict[str, object]:
        return {"app": app, "listen": f"127.0.0.1:{free_port()}", **options}

    grants = through_nginx(paths=["/open/"], folder=f"{memory}/grants", max_grant=30)
    extra: dict[str, object] = {"SECRET": identity.site_secret, "GRANTS": grants}
    if assembles(build):
        log, layouts = folder / "nginx" / "members.log", folder / "portal" / "layouts"
        extra["ARCHIVES"] = through_nginx(log=str(log), layouts=str(layouts))
    if "auth_request" in build.modules:
        extra["UPLOADS"] = through_nginx(paths=["/upload/"], origins=["documents"], resumable="draft-15")
    return {
        "DJANGO_SETTINGS_MODULE": "portal.demo.django_settings",
        "PORTAL_SECRET_KEY": identity.django_key,
        "PORTAL_DATA_DIR": str(folder / "portal"),
        "PORTAL_TRUSTED_PROXY": "1",
        "PORTAL_DEMO": "1",
        "PORTAL_ERROR_PAGES": str(folder / "portal" / "errors"),
        "PORTAL_LOG": str(folder / "nginx" / "xaccel.log"),
        "PORTAL_S3_BUCKET": identity.bucket,
        "PORTAL_S3_ENDPOINT": s3.endpoint,
        "PORTAL_S3_REGION": "us-east-1",
        "PORTAL_S3_ACCESS_KEY": s3.access_key,
        "PORTAL_S3_SECRET_KEY": s3.secret_key,
        "PORTAL_XACCEL_EXTRA": json.dumps(extra),
    }
