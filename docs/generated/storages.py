"""The tables of what works at which storage, from the results that `xaccel doctor --storage` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xaccel.tools.doctor.storage.features import FEATURES

FOLDER = Path(__file__).with_name("storages")
CLOUDS = ("Amazon S3", "Backblaze B2", "Cloudflare R2", "Google Cloud Storage")
"""Nobody has sent a result of these. One whose file is there is taken from it."""
_GROUPS = tuple(dict.fromkeys(row["group"] for row in FEATURES.values()))


def _results() -> list[dict[str, Any]]:
    files = sorted(FOLDER.glob("*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def summary() -> str:
    """Return a row for each storage, with how much of each group works."""
    rows = [
        (each["storage"], [_counted(each["features"], group) for group in _GROUPS]) for each in _results()
    ]
    known = [name for name, _ in rows]
    unknown = [cloud for cloud in CLOUDS if not any(name.startswith(cloud) for name in known)]
    rows += [(cloud, ["not yet reported"] * len(_GROUPS)) for cloud in unknown]
    return _table("Storage", _GROUPS, sorted(rows))


def details() -> str:
    """Return a row for each feature, with a column for each storage that was reported."""
    results = _results()
    rows = [
        (f"{row['group']}: {row['title']}", [_cell(**each["features"][name]) for each in results])
        for name, row in FEATURES.items()
    ]
    return _table("Feature", [each["storage"] for each in results], rows)


def _counted(features: dict[str, dict[str, Any]], group: str) -> str:
    tried = [
        each for name, row in FEATURES.items() if row["group"] == group for each in [features[name]["works"]]
    ]
    tried = [works for works in tried if works is not None]
    if not tried:
        return "–"
    return "all work" if all(tried) else f"{sum(tried)} of {len(tried)} work"


def _cell(works: bool | None, why: str) -> str:
    return "–" if works is None else "yes" if works else f"**no**: {why}"


def _table(first: str, columns: Any, rows: list[tuple[str, list[str]]]) -> str:
    lines = [f"| {first} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    return "\n".join(lines) + "\n"
