"""The examples keep the promises of their README files."""

from __future__ import annotations

from pathlib import Path

MINIMAL = Path(__file__).resolve().parents[2] / "examples" / "minimal"


def test_minimal_example_has_fewer_than_120_lines_with_its_readme() -> None:
    files = [file for file in MINIMAL.rglob("*") if file.suffix in (".py", ".html", ".md")]
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {"settings.py", "models.py", "views.py", "documents.html", "README.md"} <= lines.keys()
    assert sum(lines.values()) < 120, lines
