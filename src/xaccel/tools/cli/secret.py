"""`xaccel secret`: make a secret for a site."""

from __future__ import annotations

import secrets

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line

COMMAND = make_command("secret", run_unread=lambda _, __: print_line(secrets.token_urlsafe(32)))
