"""`xaccel revoke`: end grants that NGINX remembers."""

from __future__ import annotations

import argparse

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_error, print_line
from xaccel.features.grants.grant import settings_of
from xaccel.features.grants.remove_marks import remove_marks
from xaccel.features.grants.revoke import Revocation
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site) -> None:
    settings_of(site)
    if args.remove_old:
        number = remove_marks(site)
        print_line(f"removed {number} {'mark' if number == 1 else 'marks'} of earlier revocations")
        return
    revocation = Revocation(site, user=args.user, session=args.session, tag=args.tag)
    if not revocation.send():
        print_error(revocation.failure())
        if not revocation.repeat():
            raise revocation.failure()
    print_line("revoked on every NGINX")


COMMAND = make_command("revoke", run=_run)
