"""A folder for the files of these tests, removed when the process ends."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

_folder = tempfile.TemporaryDirectory(prefix="xaccel-django-")
atexit.register(_folder.cleanup)

DATA_DIR = Path(_folder.name)
