"""An old release: the wheel of a commit of this repository's history."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "1581d7f4585ea25588d7bca33fc90cc65562f441"
"""The commit that finished the NGINX side for the first time. It is older than the number of the hand-off protocol."""


class CommitMissing(Exception):
    """The clone is shallow, so that its history does not have the commit."""


def install(folder: Path) -> Path:
    """Build the wheel of COMMIT, and return the directory to put on PYTHONPATH. Raises CommitMissing."""
    archive = folder / "tree.tar"
    with archive.open("wb") as file:
        done = subprocess.run(
            ["git", "archive", COMMIT], cwd=ROOT, stdout=file, stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode:
        raise CommitMissing(f"no commit {COMMIT[:7]} in this clone ({done.stderr.strip()}): clone it whole")
    tree, installed = folder / "tree", folder / "installed"
    tree.mkdir()
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tree], check=True)
    build = f"import uv_build; uv_build.build_wheel({str(folder)!r})"
    # uv_build runs a program that it looks for on PATH
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run([sys.executable, "-c", build], cwd=tree, env={**os.environ, "PATH": path}, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    return installed
