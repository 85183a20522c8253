"""Where the files of these tests are: a folder that goes when the process ends."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

_folder = tempfile.TemporaryDirectory(prefix="xaccel-django-")
atexit.register(_folder.cleanup)

DATA_DIR = Path(_folder.name)
