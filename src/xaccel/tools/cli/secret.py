"""`xaccel secret`: make a secret for a site."""

from __future__ import annotations

import secrets

from xaccel.commands.command import make_command

COMMAND = make_command("secret", run_unread=lambda _, __: print(secrets.token_urlsafe(32)))
