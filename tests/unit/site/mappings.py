"""The smallest settings of a site, and where its problems are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pytest

from xaccel import ConfigErrors
from xaccel.errors import ConfigError
from xaccel.site.origins import Origin
from xaccel.site.read_mapping import read
from xaccel.site.setting import build

SECRET = "0123456789abcdef0123456789ABCDEF-_"
DISK = {"disk": {"type": "local", "root": "/srv"}}
LEAST = {"ORIGINS": DISK, "SECRET": SECRET}


def told(mapping: Any) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        read(mapping)
    return [problem.where for problem in errors.value.problems]


def each_of(values: Mapping[Any, Iterable[Any]]) -> list[tuple[Any, Any]]:
    """Return each value of a table with its key, for parametrize."""
    return [(name, value) for name, found in values.items() for value in found]


def problems(origin: Origin, where: str) -> list[ConfigError]:
    """What is wrong with an origin."""
    found: list[ConfigError] = []
    build(
        type(origin),
        {field.name: getattr(origin, field.name) for field in fields(origin)},
        where,
        found,
    )
    return found
