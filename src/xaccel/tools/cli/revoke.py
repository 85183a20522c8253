"""`xaccel revoke`: end grants that NGINX remembers."""

from __future__ import annotations

import argparse

from xaccel.commands.command import make_command
from xaccel.features.grants.revoke import Revocation
from xaccel.printing import print_error, print_line
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site) -> None:
    revocation = Revocation(site, user=args.user, session=args.session, tag=args.tag)
    if not revocation.send():
        print_error(revocation.failure())
        if not revocation.repeat():
            raise revocation.failure()
    print_line("revoked on every NGINX")


COMMAND = make_command("revoke", run=_run)
