"""A program in a process of its own, since Django is set up once in each."""

from __future__ import annotations

import json
import subprocess
import sys


def found_alone(script: str) -> dict[str, object]:
    """Run `script`; return the JSON object that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result
