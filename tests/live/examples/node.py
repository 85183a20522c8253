"""Node, if it is here and new enough for examples/node."""

from __future__ import annotations

import re
import shutil
import subprocess

OLDEST = 20


def missing() -> str | None:
    """Say what is missing; None for nothing."""
    if shutil.which("node") is None:
        return "node is not installed"
    told = subprocess.run(
        ["node", "--version"], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    found = re.match(r"v(\d+)\.", told)
    if found is None or int(found[1]) < OLDEST:
        return f"node {OLDEST} is needed, and here is {told.strip() or 'one that does not run'}"
    return None
