"""Read a log of JSON lines while a program writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def entries(file: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, if it is there, without one whose line has no end yet."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]
