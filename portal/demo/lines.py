"""Print one readable line for each transfer, from NGINX's JSON log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.demo.bucket import readable


class LineFollower:
    """Reads what is added to the JSON lines from now on.

    `people` gives primary keys by user name, `files` names by the entity tag that NGINX sends.
    """

    def __init__(self, file: Path, people: Mapping[str, str], files: Mapping[str, str]) -> None:
        self._file = file
        self._files = files
        self._names = {pk: username for username, pk in people.items()}
        self._place = file.stat().st_size if file.exists() else 0

    def new(self) -> Iterator[str]:
        """Yield a line for each transfer that ended since the last call."""
        if not self._file.exists():
            return
        with self._file.open("rb") as log:
            log.seek(self._place)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            yield self._spell(json.loads(line))

    def _spell(self, entry: Mapping[str, Any]) -> str:
        at = datetime.fromtimestamp(float(entry["end"])).astimezone()
        who = self._names.get(entry["subject"], entry["subject"] or "?")
        parts = [
            f"{at:%H:%M:%S}",
            f"{who:<7}",
            f"{entry['method']:<4} {entry['status']}",
            f"{readable(float(entry['body_bytes'])):>9} in {float(entry['seconds']):6.2f} s",
            # an error has no entity tag
            self._files.get(entry["etag"]) or f"transfer {entry['id']}",
        ]
        if entry["range"]:
            parts.append(str(entry["range"]))
        if entry["completion"] != "OK":
            parts.append("(the client went away)")
        if entry["why"]:
            parts.append(f"({entry['why']})")
        return "  ".join(parts)
