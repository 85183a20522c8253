"""The "ORIGINS" of settings.XACCEL, where an entry may name a storage of STORAGES instead."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages

from xaccel.django.files.signed_urls import StorageNotDescribed
from xaccel.django.files.storages import describe
from xaccel.errors import ConfigError

NOT_FOR_DOWNLOADS = frozenset({"staticfiles"})
"""Aliases of STORAGES that are public by nature."""


def with_storages(given: Mapping[str, Any], where: str, found: list[ConfigError]) -> dict[str, Any]:
    """Return `given` with each {"storage": alias} entry spelled out; its other options come on top of the storage's.

    Problems go to `found`; their entries are left out.
    """
    return {
        name: spelled
        for name, entry in given.items()
        if (spelled := _spelled_out(entry, f'{where}["ORIGINS"]["{name}"]', found)) is not None
    }


def from_storages(skipped: list[ConfigError]) -> dict[str, Any]:
    """Return an entry for each alias of STORAGES but "staticfiles"; those that cannot be read go to `skipped`."""
    return {
        alias: entry
        for alias in settings.STORAGES
        if alias not in NOT_FOR_DOWNLOADS
        and (entry := _entry_of_storage(alias, {}, f'STORAGES["{alias}"]', skipped)) is not None
    }


def aliases_of(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the alias of STORAGES that each origin names; `given` is None where all aliases are origins."""
    if given is None:
        return {alias: alias for alias in settings.STORAGES}
    return {
        name: str(entry["storage"])
        for name, entry in given.items()
        if isinstance(entry, Mapping) and "storage" in entry
    }


def _spelled_out(entry: object, path: str, found: list[ConfigError]) -> object:
    if not isinstance(entry, Mapping) or "storage" not in entry:
        return entry
    options = {name: value for name, value in entry.items() if name != "storage"}
    if "type" in options:
        found.append(
            ConfigError(
                "an origin names a storage and a type",
                where=path,
                remedy='Write {"storage": "default"}, with other options for what the storage does not know.',
            )
        )
        return None
    return _entry_of_storage(str(entry["storage"]), options, f'{path}["storage"]', found)


def _entry_of_storage(
    alias: str, options: Mapping[str, Any], where: str, found: list[ConfigError]
) -> dict[str, Any] | None:
    try:
        origin = describe(storages[alias], where)
    except StorageNotDescribed as problem:
        found.append(problem)
        return None
    except (InvalidStorageError, ImproperlyConfigured) as error:
        found.append(
            StorageNotDescribed(
                f"the storage {alias!r} cannot be made ({error})",
                where=where,
                remedy="Mend STORAGES, or name another.",
            )
        )
        return None
    known = {
        field.name: value
        for field in dataclasses.fields(origin)
        if (value := getattr(origin, field.name)) != field.default
    }
    return {"type": origin.type, **known, **options}
