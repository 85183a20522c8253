"""The files of the engine, by their first lines, and the promises that each of them keeps."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from xaccel.nginx.engine_files import FOLDER

PROMISES = Path(__file__).resolve().parents[2] / "tests" / "promises.toml"


def names() -> list[str]:
    """Return the paths of all files below the engine's folder."""
    return sorted(
        str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".conf", ".js")
    )


def purpose(name: str) -> str:
    """Return the first sentence of a file: what it is for."""
    found: list[str] = []
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "//")):
            break
        found.append(line.lstrip("#/ "))
    sentence = re.match(r"xaccel engine: (.+?)(?:\.(?: |$)|$)", " ".join(found))
    assert sentence is not None, f"{name} does not begin with what it is for"
    return sentence[1]


def switched_off() -> str:
    """Return the table of the files that switch something off."""
    rows = ["| File | Directive | Reason |", "|---|---|---|"]
    for name in names():
        if name.startswith("off/"):
            lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
            (said,) = (line for line in lines if line and not line.startswith("#"))
            rows.append(f"| `{name}` | `{said}` | {purpose(name)} |")
    return "\n".join(rows) + "\n"


def promises() -> str:
    """Return the table of the promises with the files that keep them."""
    rows = ["| Promise | Files |", "|---|---|"]
    for promise in tomllib.loads(PROMISES.read_text(encoding="utf-8")).values():
        kept_by = [f"`{name}`" for name in promise.get("engine", [])]
        kept_by += [f"`src/xaccel/{promise['module']}`"] if "module" in promise else []
        rows.append(f"| {promise['text']} | {', '.join(kept_by)} |")
    return "\n".join(rows) + "\n"
