"""The smallest settings of a site, and where its problems are."""

from __future__ import annotations

from typing import Any

import pytest

from xaccel import ConfigErrors
from xaccel.site.read_mapping import read

SECRET = "0123456789abcdef0123456789ABCDEF-_"
DISK = {"disk": {"type": "local", "root": "/srv"}}
LEAST = {"ORIGINS": DISK, "SECRET": SECRET}


def told(mapping: Any) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        read(mapping)
    return [problem.where for problem in errors.value.problems]
