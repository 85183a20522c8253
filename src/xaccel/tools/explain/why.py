"""Find the log entry of a transfer, the meaning of its `why`, and what to do.

The texts are in remedies.toml, for `xaccel explain` and the documentation.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel.site.protocol import ARCHIVES
from xaccel.site.transfer_log import MAX_ENTRY_SIZE

_ENTRY_S = 2.0
"""How long a log entry may take: NGINX writes it when the response has been sent."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. ask: whether the storage can be the cause, so that a request to it helps."""

    cause: str
    remedy: str
    ask: bool = True


_TABLES = tomllib.loads(Path(__file__).with_name("remedies.toml").read_text(encoding="utf-8"))
WHY: dict[str, Why] = {name: Why(**row) for name, row in _TABLES["why"].items()}
"""By `why`; for another status of the origin see ANY_STATUS."""
ANY_STATUS, ALL_SENT, LEFT = WHY.pop("origin_"), WHY.pop("sent"), WHY["client_or_nginx"]
MISSING, NOT_READ = WHY.pop("missing"), WHY.pop("not_read")
ARCHIVE: Mapping[str, Why] = {name: Why(**row) for name, row in _TABLES["archives"].items()}
"""By `why` of an archive, where it means something else than for an object."""
UPLOAD: Mapping[str, Why] = {name: Why(**row, ask=False) for name, row in _TABLES["uploads"].items()}
"""By `why` of an upload; "stored" has none. For another status of the storage see "origin_"."""
MEMBERS: Mapping[str, str] = _TABLES["members"]
S3_CODES: Mapping[str, str] = _TABLES["s3_codes"]
S3_MESSAGES: Mapping[str, str] = _TABLES["s3_messages"]
FINDINGS: Mapping[str, str] = _TABLES["findings"]
TRACE_ENDS: Mapping[str, str] = _TABLES["trace_ends"]


def why_of(entry: Mapping[str, Any]) -> Why | None:
    """Return the meaning of the `why` of a log entry; None for a value that this version does not know."""
    why, status = entry.get("why", ""), str(entry.get("status", ""))
    if entry.get("kind") == "upload":
        return UPLOAD.get(why or "stored") or (UPLOAD["origin_"] if str(why).startswith("origin_") else None)
    if why == "" and (status in ("403", "404") or status.startswith("5")):
        return MISSING if status == "404" else NOT_READ
    if why == "":
        return ALL_SENT if entry.get("completion") == "OK" else LEFT
    if entry.get("origin") == ARCHIVES and why in ARCHIVE:
        return ARCHIVE[why]
    if isinstance(why, str) and re.fullmatch("origin_[0-9]{3}", why):
        return WHY.get(why, ANY_STATUS)
    return WHY.get(why)


def entries_of(transfer_id: str, log: Path) -> tuple[list[dict[str, Any]], Path]:
    """Return the log entries of a transfer and their file: `log`, or the newest rotated one that has entries.

    Raises OSError for a file that cannot be read.
    """
    rotated = [path for path in log.parent.glob(f"{log.name}[.-]*") if path.is_file()]
    for path in [log, *sorted(rotated, key=lambda path: path.stat().st_mtime, reverse=True)]:
        try:
            having = [_parsed(text) for text in _lines(path) if transfer_id.encode() in text]
        except (EOFError, zlib.error) as error:
            raise OSError(0, f"{path.name} cannot be decompressed: {error}") from error
        if found := [entry for entry in having if entry.get("id") == transfer_id]:
            return found, path
    return [], log


def why_of_member(entry: Mapping[str, Any]) -> str:
    """Return what to do about a member that failed, or about a part, which has no origin."""
    status, why = str(entry.get("origin_status", ""))[-3:], str(entry.get("why", ""))
    if not entry.get("origin"):
        return ARCHIVE.get(f"origin_{status}", ARCHIVE["origin_502"]).remedy
    if status in ("200", "206"):
        return MEMBERS["length"]
    known = WHY.get(why) or WHY.get(f"origin_{status}", ANY_STATUS)
    return MEMBERS.get(status) or known.remedy


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a log. Raises OSError, and EOFError and zlib.error for a damaged one."""
    if not path.is_file():
        raise OSError(0, f"{path.name} is not a regular file" if path.exists() else "there is no such file")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        is_begun = False
        while line := file.readline(MAX_ENTRY_SIZE):
            ends = line.endswith(b"\n")
            if not is_begun and len(line) < MAX_ENTRY_SIZE:
                yield line
            is_begun = not ends


def _parsed(text: str | bytes) -> dict[str, Any]:
    """Return the fields of an entry that are texts or numbers, as all of NGINX's are; empty for anything else."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    fields = entry.items() if isinstance(entry, dict) else ()
    return {name: value for name, value in fields if isinstance(value, str | int | float)}


def end_of(log: Path) -> int | None:
    """Return the size of a log; None if it cannot be read, or is a device or a pipe, which may have no end."""
    try:
        if not log.is_file():
            return None
        with log.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except OSError:
        return None


def new_entry(log: Path, end: int, mark: str) -> dict[str, Any]:
    """Wait for a log entry that has a text, behind the byte `end` unless the log was rotated; empty without one."""
    latest = time.monotonic() + _ENTRY_S
    while time.monotonic() < latest:
        with suppress(OSError), log.open("rb") as file:
            file.seek(end if end <= file.seek(0, os.SEEK_END) else 0)
            for line in file:
                if mark.encode() in line and line.endswith(b"\n"):
                    return _parsed(line)
        time.sleep(0.05)
    return {}
