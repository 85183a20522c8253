"""`xaccel revoke`: end grants that NGINX remembers."""

from __future__ import annotations

import argparse
import sys

from xaccel.commands.command import make_command
from xaccel.features.grants.revoke import Revocation
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site) -> None:
    revocation = Revocation(site, user=args.user, session=args.session, tag=args.tag)
    if not revocation.send():
        print(f"xaccel: {revocation.failure()}", file=sys.stderr)
        if not revocation.repeat():
            raise revocation.failure()
    print("revoked on every NGINX")


COMMAND = make_command("revoke", run=_run)
