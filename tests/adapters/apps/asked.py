"""What the decisions file says, read for every contender that is written in Python."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

SITE: dict[str, Any] = json.loads(Path(os.environ["ADAPTERS_SITE"]).read_text(encoding="utf-8"))
_DECISIONS: dict[str, Any] = json.loads(Path(os.environ["ADAPTERS_DECISIONS"]).read_text(encoding="utf-8"))


def decision(name: str) -> tuple[str, dict[str, Any]]:
    """ "send" with the arguments of send_file, or "deny" with those of deny_download."""
    [(kind, given)] = _DECISIONS[name].items()
    arguments = {**given, **given.get("options", {})}
    arguments.pop("options", None)
    if "last_modified" in arguments:
        arguments["last_modified"] = datetime.fromisoformat(arguments["last_modified"])
    return kind, arguments
