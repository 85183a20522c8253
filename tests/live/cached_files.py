"""The files of NGINX's cache."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile("[0-9a-f]{32}(?:[.][0-9]{10})?")
"""While NGINX writes a file, a number follows."""


def cached_files(directory: Path) -> list[Path]:
    """Return the files, those that are being written too. NGINX may remove them meanwhile."""
    return [path for path in directory.glob("?/??/*") if _NAME.fullmatch(path.name)]
