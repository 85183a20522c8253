"""SENDFILE_ROOT of django-sendfile2, as an origin."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import isabs, normpath
from typing import Any

from django.conf import settings

from xaccel.errors import ConfigError, OriginNotAllowed
from xaccel.site import Site
from xaccel.site.origins import LocalOrigin

SWITCH = "xaccel.django"
"""As SENDFILE_BACKEND: the files of SENDFILE_ROOT are xaccel's to send. It is no module that django-sendfile2 could
use, so that an import which was forgotten is an error."""

NGINX = "django_sendfile.backends.nginx"
ORIGIN = "sendfile"
"""The name of the origin, where the site has none that holds SENDFILE_ROOT."""


def with_sendfile_root(origins: Mapping[str, Any], found: list[ConfigError]) -> Mapping[str, Any]:
    """Return the "ORIGINS" of settings.XACCEL with one for SENDFILE_ROOT, where SENDFILE_BACKEND asks for it.

    None is added where a directory of `origins` holds it. Problems go to `found`.
    """
    if getattr(settings, "SENDFILE_BACKEND", None) != SWITCH:
        return origins
    try:
        root = sendfile_root()
    except ConfigError as problem:
        found.append(problem)
        return origins
    if any(holds(directory, root) for directory in map(_root_of, origins.values()) if directory):
        return origins
    if ORIGIN in origins:
        found.append(
            ConfigError(
                f"the origin {ORIGIN!r} is another place than SENDFILE_ROOT",
                where=f'XACCEL["ORIGINS"]["{ORIGIN}"]',
                remedy="Give it another name.",
            )
        )
        return origins
    return {**origins, ORIGIN: {"type": "local", "root": root}}


def sendfile_root() -> str:
    """Return SENDFILE_ROOT, normalised.

    Raises ConfigError where it is missing or relative.
    """
    root = getattr(settings, "SENDFILE_ROOT", None)
    if not root or not isabs(str(root)):
        raise ConfigError(
            f"{root!r} is not an absolute path",
            where="SENDFILE_ROOT",
            remedy="Name the directory below which all files for sendfile() lie.",
        )
    return normpath(str(root))


def origin_of_root(site: Site, root: str) -> tuple[str, str]:
    """Return the origin that holds SENDFILE_ROOT, and the path of SENDFILE_ROOT in it: "" or one that ends in "/".

    Raises OriginNotAllowed where there is none.
    """
    holding = [
        (len(origin.root), name) for name, origin in site.directories.items() if holds(origin.root, root)
    ]
    if not holding:
        raise OriginNotAllowed(
            f"SENDFILE_ROOT, {root!r}, lies in none of the site's origins",
            where="SENDFILE_ROOT",
            remedy=f'Set SENDFILE_BACKEND = "{SWITCH}", print the NGINX text again and reload NGINX.',
        )
    name = max(holding)[1]
    origin = site.origins[name]
    assert isinstance(origin, LocalOrigin)
    inside = f"{root}/".removeprefix(_slashed(origin.root))
    return name, inside


def holds(directory: str, root: str) -> bool:
    """Tell whether `root` is `directory` or lies below it."""
    return f"{root}/".startswith(_slashed(directory))


def _slashed(directory: str) -> str:
    return f"{normpath(directory).rstrip('/')}/"


def _root_of(entry: object) -> str | None:
    """The directory of one entry of ORIGINS, if it is one that can be read; the rest is checked elsewhere."""
    root = entry.get("root") if isinstance(entry, Mapping) else None
    return str(root) if root else None
