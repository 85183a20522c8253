"""`xaccel run`: NGINX and an app server as one program, for a container or a platform that gives one port."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from xaccel.commands.command import make_command, this_program
from xaccel.commands.printing import print_line
from xaccel.errors import OptionRefused
from xaccel.site import Site
from xaccel.tools.nginx.binaries import first_nginx
from xaccel.tools.run.programs import Front, app_program, ingest_program, require_free
from xaccel.tools.run.supervisor import Supervisor


def _run(args: argparse.Namespace, site: Site) -> None:
    has_trail = getattr(args, "has_trail", False)  # of a Django project
    if has_trail and not args.folder:
        what = "the transfer log must stay when this command ends, until `ingest` has read it"
        raise OptionRefused(what, where="--folder", remedy="Give a folder that stays, such as /var/lib/app.")
    listen = args.listen or f"0.0.0.0:{_port()}"
    require_free(args.app, "--app")
    with TemporaryDirectory(prefix="xaccel-run-") as temporary:
        folder = Path(args.folder or temporary).resolve()
        front = Front(
            binary=args.nginx or first_nginx("run"),
            folder=folder,
            listen=listen,
            app=args.app,
            user=args.user,
            proxies=args.trusted_proxy,
            drain_s=args.drain,
            keeps_log=has_trail,
        )
        front.write(site)
        programs = [app_program(args.command, args.app, os.environ), front.program()]
        if has_trail:
            programs.insert(0, ingest_program([*this_program(), "xaccel"], front))

        def rotate(send: Callable[[str, int], None]) -> None:
            if front.rotate():
                send("nginx", signal.SIGUSR1)

        supervisor = Supervisor(programs, reloads="app", start_within_s=args.start, tend=rotate)
        status = supervisor.run(
            lambda: print_line(f"xaccel | NGINX listens on {listen}, in front of {args.app}")
        )
    if status:
        sys.exit(status)


def _port() -> str:
    port = os.environ.get("PORT", "8080")
    if not port.isdigit():
        raise OptionRefused(f"{port!r} is not a port", where="PORT", remedy="For example 8080.")
    return port


COMMAND = make_command("run", run=_run, types={"--drain": float, "--start": float})
