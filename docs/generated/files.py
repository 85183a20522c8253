"""The map of ARCHITECTURE.md: every module with the first sentence of its docstring."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules(folder: str) -> list[str]:
    """Return the Python files of a folder that are tracked or new, not ignored, from the project's root."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", f"{folder}/*.py"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in listed if (ROOT / name).stat().st_size)


def table(folder: str) -> str:
    """Return a table of the modules of a folder; the files in it that are empty are left out."""
    rows = ["| File | What it decides |", "|---|---|"]
    for name in modules(folder):
        rows.append(f"| `{name}` | {_first_sentence(ROOT / name)} |")
    return "\n".join(rows) + "\n"


def _first_sentence(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
