"""Read a site from a mapping with the keys of settings.XACCEL; all problems are reported together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xaccel.errors import ConfigError, ConfigErrors
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin
from xaccel.site.read_origins import read_origins
from xaccel.site.setting import build, table

KEYS = frozenset(row.key.upper() for row in table(Site))
"""The keys, in upper case."""


def upper_keys(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `mapping` with its keys in upper case."""
    return {str(key).upper(): value for key, value in mapping.items()}


def read(mapping: Mapping[str, Any], where: str = "XACCEL", *, more_keys: Iterable[str] = ()) -> Site:
    """Make a Site of `mapping`, whose keys are those of KEYS in upper or lower case; `more_keys` are read elsewhere.

    Raises ConfigErrors with every problem, each at a path that starts with `where`.
    """
    if not isinstance(mapping, Mapping):
        remedy = 'Write {"ORIGINS": {…}}.'
        raise ConfigErrors([ConfigError(f"{mapping!r} is not a mapping", where=where, remedy=remedy)])
    found: list[ConfigError] = []
    values = {"SECRET": None, **upper_keys(mapping)}
    values["ORIGINS"] = read_origins(values.get("ORIGINS"), f'{where}["ORIGINS"]', found)
    site = build(Site, values, where, found, of="a setting", more=tuple(more_keys), upper=True)
    assert site is not None
    cached = [
        name for name, origin in site.origins.items() if not isinstance(origin, LocalOrigin) and origin.cache
    ]
    if cached and site.cache is None:
        found.append(
            ConfigError(
                f"origin {cached[0]!r} is to be cached and the site has no cache",
                where=f'{where}["CACHE"]',
                remedy='Give {"path": "/var/cache/nginx/xaccel"}, or leave the origin\'s cache off.',
            )
        )
    if found:
        raise ConfigErrors(found)
    return site
