"""settings.XACCEL, read at the first use and again after a test has changed it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from xaccel.cli.command import FindObject
from xaccel.django.files.find_object import Objects
from xaccel.django.files.origins_setting import aliases_of, from_storages, with_storages
from xaccel.errors import ConfigError, ConfigErrors
from xaccel.sender import Sender
from xaccel.site import Site, read_mapping
from xaccel.site.setting import Setting, Wrong, build, table

WHERE = "XACCEL"
"""The name of the setting, and how the errors' paths begin."""


def _imported(path: object) -> tuple[FindObject | None, list[Wrong]]:
    try:
        return import_string(path), []  # type: ignore[arg-type]
    except (ImportError, AttributeError) as error:
        remedy = "Give the dotted path of a function from a transfer id to (origin, key) or None."
        return None, [(f"{path!r} cannot be imported ({error})", remedy)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """Keys of settings.XACCEL that a file for `python -m xaccel` does not have."""

    delivery: Annotated[
        Literal["nginx", "stream"],
        Setting(
            'NGINX sends the files ("nginx"), or Django does ("stream"). With "stream" and `DEBUG=False`, `send_file`'
            " raises `ConfigError`, except in tests, and `manage.py check` reports"
            " [`xaccel.E004`](checks.md#xaccel-e004).",
            example='"stream"',
        ),
    ] = "nginx"
    find_transfer: Annotated[
        FindObject | None,
        Setting(
            "[`xaccel explain`](cli.md#explain) calls this function, given by its dotted path, with a transfer id. It"
            " returns origin and object key, or `None`. Without it, `explain` finds what"
            " [`xaccel.audit`](../operate/audit.md) has recorded, and needs `--key` for anything else.",
            read=_imported,
            example='"library.audit.find_transfer"',
            optional=True,
        ),
    ] = None


DJANGO_KEYS = tuple(row.key.upper() for row in table(DjangoSettings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the settings say.

    delivery: "nginx", or "stream": through Django, for development.
    find_transfer: from a transfer id to origin and object key, as the project recorded them; for `explain`.
    objects: the objects of the storages.
    skipped: why an alias of STORAGES gave no origin; only where the origins come from there.
    """

    site: Site
    sender: Sender
    objects: Objects
    delivery: Literal["nginx", "stream"]
    find_transfer: FindObject | None = None
    skipped: tuple[ConfigError, ...] = ()


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """Return the one configuration of this process.

    Raises ConfigErrors with every problem of settings.XACCEL.
    """
    given = getattr(settings, WHERE, {})
    if not isinstance(given, Mapping):
        raise ConfigErrors([ConfigError(f"{given!r} is not a mapping", where=WHERE, remedy="Write a dict.")])
    values = {str(key).upper(): value for key, value in given.items()}
    found: list[ConfigError] = []
    skipped: list[ConfigError] = []
    own = build(
        DjangoSettings,
        {key: values.pop(key) for key in DJANGO_KEYS if key in values},
        WHERE,
        found,
        of="a setting",
        upper=True,
    )
    assert own is not None
    aliases: dict[str, str] = {}
    if "ORIGINS" not in values:
        aliases = aliases_of(None)
        values["ORIGINS"] = from_storages(skipped)
    elif isinstance(values["ORIGINS"], Mapping):
        aliases = aliases_of(values["ORIGINS"])
        values["ORIGINS"] = with_storages(values["ORIGINS"], WHERE, found)
    if "SECRET" not in values:
        values["SECRET"] = derived_secrets(str(values.get("NAME", "")))
    site = _site(values, found)
    sender = Sender(site)
    return Configuration(
        site=site,
        sender=sender,
        objects=Objects(sender, aliases),
        delivery=own.delivery,
        find_transfer=own.find_transfer,
        skipped=tuple(skipped),
    )


def _site(values: Mapping[str, Any], found: list[ConfigError]) -> Site:
    try:
        site = read_mapping.read(values, where=WHERE, more_keys=DJANGO_KEYS)
    except ConfigErrors as errors:
        # Where each entry had its own problem, none is left, and saying so again helps nobody.
        empty = f'{WHERE}["ORIGINS"]'
        found.extend(problem for problem in errors.problems if not (found and problem.where == empty))
        raise ConfigErrors(found) from errors
    if found:
        raise ConfigErrors(found)
    return site


def derived_secrets(site_name: str) -> list[str]:
    """Return a secret made from SECRET_KEY, and while that is rotated a second one from SECRET_KEY_FALLBACKS.

    NGINX accepts both until its configuration is generated again.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS[:1]]
    macs = [salted_hmac("xaccel.django.secret", site_name, secret=key, algorithm="sha256") for key in keys]
    return [urlsafe_b64encode(mac.digest()).decode("ascii").rstrip("=") for mac in macs]


def _forget(*, setting: str, **_: object) -> None:
    if setting in _READ or setting.startswith(_OF_DJANGO_STORAGES):
        configuration.cache_clear()


_OF_DJANGO_STORAGES = ("AWS_", "AZURE_", "GS_")
_READ = frozenset(
    {
        WHERE,
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "STORAGES",
        "MEDIA_ROOT",
    }
)

setting_changed.connect(_forget, dispatch_uid="xaccel.django.conf")
