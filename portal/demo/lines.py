"""Print one readable line for each transfer and each refusal, from NGINX's JSON log and the portal's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.demo.bucket import readable


class LineFollower:
    """Reads what is added to a file of JSON lines from now on, and spells each line."""

    def __init__(self, file: Path, spell: Callable[[Mapping[str, Any]], str]) -> None:
        self._file = file
        self._spell = spell
        self._place = file.stat().st_size if file.exists() else 0

    def new(self) -> Iterator[str]:
        """Yield a line for each entry since the last call."""
        if not self._file.exists():
            return
        with self._file.open("rb") as log:
            log.seek(self._place)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            yield self._spell(json.loads(line))


class Spelling:
    """Words for log entries.

    `people` gives primary keys by user name, `by_tag` names of files by the entity tag that NGINX sends, `by_key` by
    the key of the object.
    """

    def __init__(
        self, people: Mapping[str, str], *, by_tag: Mapping[str, str], by_key: Mapping[str, str]
    ) -> None:
        self._names = {pk: username for username, pk in people.items()}
        self._by_tag = by_tag
        self._by_key = by_key

    def transfer(self, entry: Mapping[str, Any]) -> str:
        """Spell a transfer that NGINX logged."""
        parts = [
            *self._start(entry, float(entry["end"])),
            f"{entry['method']:<4} {entry['status']}",
            f"{readable(float(entry['body_bytes'])):>9} in {float(entry['seconds']):6.2f} s",
            # an error has no entity tag
            self._by_tag.get(entry["etag"]) or f"transfer {entry['id']}",
        ]
        if entry["range"]:
            parts.append(str(entry["range"]))
        if entry["completion"] != "OK":
            parts.append("(the client went away)")
        if entry["why"]:
            parts.append(f"({entry['why']})")
        return "  ".join(parts)

    def refusal(self, entry: Mapping[str, Any]) -> str:
        """Spell a refusal that the portal logged."""
        parts = [
            *self._start(entry, float(entry["at"])),
            f"{entry['method']:<4} 404",
            f"{'refused':>21}",
            self._by_key.get(entry["key"]) or "a file that does not exist",
            f"({entry['reason']})",
        ]
        return "  ".join(parts)

    def _start(self, entry: Mapping[str, Any], at: float) -> tuple[str, str]:
        who = self._names.get(entry["subject"], entry["subject"] or "?")
        return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}", f"{who:<7}"
