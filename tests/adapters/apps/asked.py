"""The decisions file and the log destination, for every contender that is written in Python."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
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


def signed_in(request: Any, arguments: dict[str, Any]) -> Any:
    """The request of the user whom the decision names as "subject": Django's adapter takes no such argument."""
    if "subject" in arguments:
        request.user = SimpleNamespace(is_authenticated=True, pk=arguments.pop("subject"))
    return request


class _Told(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event = record.__dict__.get("xaccel")
        if event is None:
            return
        line = json.dumps(dataclasses.asdict(event), default=str)
        with Path(os.environ["ADAPTERS_TOLD"]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


_log = logging.getLogger("xaccel")
_log.setLevel(logging.INFO)
_log.addHandler(_Told())
