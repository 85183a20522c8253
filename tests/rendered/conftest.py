"""The documentation, built once, also by scripts/check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT

_WITHOUT_SOURCE = ("genindex", "py-modindex", "search")


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the HTML pages. What `scripts/check docs` built is kept, unless it changed."""
    folder = ROOT / ".xaccel" / "docs"
    command = [sys.executable, "-m", "sphinx", "--quiet", "--doctree-dir", str(folder / "doctrees"), "docs"]
    done = subprocess.run(
        [*command, str(folder / "html")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for page in (folder / "html").rglob("*.html"):
        if page.stem not in _WITHOUT_SOURCE and not _source(page.relative_to(folder / "html")).exists():
            page.unlink()  # of a page that is no more
    return folder / "html"


def _source(page: Path) -> Path:
    return ROOT / "docs" / page.with_suffix(".md")
