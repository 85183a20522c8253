"""From a file of TOML or JSON to a Site: how an app without Django, and the command, read one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xaccel.errors import ConfigError
from xaccel.site import Site, read_mapping

SiteSource = Site | Mapping[str, Any] | str | PathLike[str]
"""A site as it is, a mapping with the keys of settings.XACCEL, or the path of a file with them."""


def site_of(source: SiteSource) -> Site:
    """Return the site that `source` means.

    Raises ConfigErrors with every problem, and ConfigError for a file that cannot be read.
    """
    if isinstance(source, Site):
        return source
    if isinstance(source, Mapping):
        return read_mapping.read(source)
    return read(fspath(source))


def read(file: str) -> Site:
    """Return the site that a file describes: of TOML, or of JSON where its name ends in .json; UTF-8.

    Raises ConfigErrors with every problem, and ConfigError for a file that cannot be read.
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
        mapping = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"it cannot be read ({error})",
            where=file,
            remedy="Give a file of TOML, or of JSON named *.json, with the keys of settings.XACCEL.",
        ) from error
    return read_mapping.read(mapping, file)
