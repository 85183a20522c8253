"""settings.XACCEL, read at the first use and again after a test has changed it, and how the project runs."""

from __future__ import annotations

import os
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.core.signals import setting_changed
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from xaccel.django.files.objects import Objects, kind_of
from xaccel.errors import ConfigError, ConfigErrors
from xaccel.sender import Sender
from xaccel.site import Site, read_mapping
from xaccel.site.origins import CREDENTIALS, PLACE, covers_many
from xaccel.site.setting import build, problem, table

WHERE = "XACCEL"
"""The name of the setting, and how the errors' paths begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """Keys of settings.XACCEL that a file for `python -m xaccel` does not have."""

    delivery: Literal["nginx", "stream"] = "nginx"


DJANGO_KEYS = tuple(table(DjangoSettings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The checked settings of `settings.XACCEL`.

    delivery: "nginx", or "stream": through Django, for development.
    objects: the objects of the storages.
    skipped: why an alias of STORAGES gave no origin; only if the origins come from STORAGES.
    """

    site: Site
    sender: Sender
    objects: Objects
    delivery: Literal["nginx", "stream"]
    skipped: tuple[ConfigError, ...] = ()


NOT_FOR_DOWNLOADS = {"staticfiles"}
"""Aliases of STORAGES that are public by nature."""
_PLACE_AND_KEYS = {*PLACE, *CREDENTIALS, "bucket", "prefix", "base_url", "root"}
"""Options with which an entry of ORIGINS replaces the place or the keys of its storage."""


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """Return the one configuration of this process. Raises ConfigErrors with every problem of settings.XACCEL."""
    given, where = _settings()
    found: list[ConfigError] = []
    values = read_mapping.in_upper_case(given, where, found)
    skipped: list[ConfigError] = []
    django = {key: values.pop(key) for key in DJANGO_KEYS if key in values}
    own = build(DjangoSettings, django, where, found)
    signing: dict[str, Storage] = {}
    if "ORIGINS" not in values:
        every = {alias: {"storage": alias} for alias in settings.STORAGES if alias not in NOT_FOR_DOWNLOADS}
        values["ORIGINS"], signing = _with_storages(every, 'STORAGES["{}"]', skipped)
    elif isinstance(origins := values["ORIGINS"], Mapping):
        values["ORIGINS"], signing = _with_storages(origins, f'{where}["ORIGINS"]["{{}}"]["storage"]', found)
    if not values.keys() & {"SECRET", *read_mapping.SECRET_SOURCES}:
        values["SECRET"] = derived_secrets(str(values.get("NAME", "")))
    try:
        site = read_mapping.read(values, where=where, more_keys=DJANGO_KEYS)
    except ConfigErrors as errors:
        # Where each entry had its own problem, none is left, and saying so again helps nobody.
        empty = f'{where}["ORIGINS"]'
        found.extend(problem for problem in errors.problems if not (found and problem.where == empty))
    if found or own is None:
        raise ConfigErrors(found)
    sender = Sender(site)
    return Configuration(
        site=site,
        sender=sender,
        objects=Objects(sender, signing),
        delivery=own.delivery,
        skipped=tuple(skipped),
    )


def _settings() -> tuple[Mapping[str, Any], str]:
    """Return settings.XACCEL or else the file of XACCEL_SITE, and how the paths of its errors begin."""
    file, where = os.environ.get(read_mapping.SITE_FILE, ""), WHERE
    if hasattr(settings, WHERE) or not file:
        given = getattr(settings, WHERE, {})
    else:
        where = file
        try:
            given = read_mapping.read_file(file)
        except ConfigError as error:
            raise ConfigErrors([error]) from error
    if not isinstance(given, Mapping):
        raise ConfigErrors([problem(where, "mapping", value=given)])
    return given, where


def _with_storages(
    given: Mapping[str, Any], where: str, found: list[ConfigError]
) -> tuple[dict[str, Any], dict[str, Storage]]:
    """Return `given` with each {"storage": …} entry spelled out, and the storages that sign, by origin.

    Other options of an entry come on top of the storage's. The storage does not sign for an entry with another place or
    with keys. `where` names an entry in errors, with "{}" for its name. Problems go to `found`; their entries are left
    out.
    """
    origins: dict[str, Any] = {}
    signing: dict[str, Storage] = {}
    for name, entry in given.items():
        path = where.format(name)
        if not isinstance(entry, Mapping) or "storage" not in entry:
            origins[name] = entry
        elif "type" in entry:
            found.append(problem(path, "storage_and_type"))
        else:
            options = {**entry}
            try:
                storage = find_storage(options.pop("storage"))
                origins[name] = _settings_of(storage) | options
            except ConfigError as error:
                found.append(ConfigError(error.what, where=path, remedy=error.remedy))
            else:
                if options.keys().isdisjoint(_PLACE_AND_KEYS):
                    signing[name] = storage
    return origins, signing


def find_storage(named: Any) -> Storage:
    """Return a storage by its alias in STORAGES, by the dotted path of it or of its class, or as it is."""
    made = named
    try:
        if isinstance(named, str):
            is_path = named not in settings.STORAGES and "." in named
            made = import_string(named) if is_path else storages[named]
        made = made() if callable(made) else made
        if isinstance(made, Storage):  # makes a lazy one
            return made
    except (InvalidStorageError, ImproperlyConfigured, ImportError, TypeError) as error:
        raise problem("storage", "storage", storage=named, reason=error) from error
    raise problem("storage", "storage", storage=named, reason="it is not a storage of Django")


def _settings_of(storage: Any) -> dict[str, Any]:
    """Return the settings of the origin that a storage is. Raises ConfigError."""
    kind = kind_of(storage.__class__)
    if kind.computed_place:
        names = ", ".join(sorted(kind.computed_place))
        raise problem("storage", "storage_computed", kind=kind.name, names=names)
    origin = kind.origin_of(storage)
    values = {field.name: getattr(origin, field.name) for field in fields(origin)}
    return {"type": origin.type, **values}


def derived_secrets(site_name: str) -> list[str]:
    """Return a secret made from SECRET_KEY, and while that is rotated a second one from SECRET_KEY_FALLBACKS.

    NGINX accepts both until its configuration is generated again.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS[:1]]
    macs = [salted_hmac("xaccel.django.secret", site_name, secret=key, algorithm="sha256") for key in keys]
    return [urlsafe_b64encode(mac.digest()).decode("ascii").rstrip("=") for mac in macs]


def _forget(*, setting: str, **_: object) -> None:
    read = (WHERE, "SECRET_KEY", "SECRET_KEY_FALLBACKS", "STORAGES", "MEDIA_ROOT")
    if setting in read or setting.startswith(("AWS_", "AZURE_", "GS_")):
        configuration.cache_clear()


setting_changed.connect(_forget, dispatch_uid="xaccel.django.conf")


def debug_is_on() -> bool:
    """Return whether the project runs with DEBUG, even if a test runner switched it off after the start."""
    return settings.DEBUG or getattr(apps.get_app_config("xaccel"), "debug_at_start", False)


def under_test() -> bool:
    """Tell whether a test runner has set up its environment."""
    # As django.test.utils.setup_test_environment itself finds out; pytest-django calls it too.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


def recorded_bucket(name: str, bucket: str) -> str:
    """Return the bucket as an allowed download of the origin has it. A FileField names the bucket of every origin."""
    origin = configuration().site.origins.get(name) if bucket else None
    return bucket if origin is None or covers_many(origin) else ""
