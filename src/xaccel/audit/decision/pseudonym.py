"""What stands in the place of a person who was forgotten."""

from __future__ import annotations

import re
import secrets

is_pseudonym = re.compile("forgotten-[0-9a-f]{16}").fullmatch


def new_pseudonym() -> str:
    """Return one that nobody had, and that is made of nothing."""
    return f"forgotten-{secrets.token_hex(8)}"
