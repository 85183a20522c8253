"""Find the log entry of a transfer in NGINX's JSON log and in its rotated files."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""How logrotate's compressed files are read (`compresscmd`)."""


def entry_of(transfer_id: str, log: Path) -> dict[str, Any] | None:
    """Return NGINX's log entry of a transfer; the last one where there are several. None where there is none.

    Lines that are no JSON are passed over.

    Raises OSError for a log that cannot be read.
    """
    with log.open(encoding="utf-8", errors="replace") as lines:
        return _last(transfer_id, lines)


def rotated_files(log: Path) -> list[Path]:
    """Return the rotated files of `log`, the newest first: xaccel.log.1, xaccel.log-20261126.gz and the like."""
    beside = [path for path in log.parent.glob(f"{log.name}[.-]*") if path.is_file()]
    return sorted(beside, key=lambda path: path.stat().st_mtime, reverse=True)


def rotated_entry_of(transfer_id: str, log: Path) -> tuple[dict[str, Any], Path] | None:
    """Return the log entry of a transfer and the rotated file that holds it; None where there is none.

    Raises OSError for a file that cannot be read.
    """
    for path in rotated_files(log):
        try:
            with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8", errors="replace") as lines:
                found = _last(transfer_id, lines)
        except (EOFError, lzma.LZMAError) as error:
            raise OSError(0, f"{path.name} cannot be decompressed: {error}") from error
        if found is not None:
            return found, path
    return None


def _last(transfer_id: str, lines: Iterable[str]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    for text in lines:
        if transfer_id in text:
            try:
                entry = json.loads(text)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("id") == transfer_id:
                found = entry
    return found
