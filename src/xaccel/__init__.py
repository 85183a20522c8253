"""Your app decides, NGINX delivers: permission-checked downloads from private storage."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xaccel.errors import ConfigError, ConfigErrors, InputRefused, OriginNotAllowed, XaccelError
from xaccel.handoff.builder import HandOff
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin

if TYPE_CHECKING:
    from xaccel.features.archives.members import ZipMember

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "HTTPOrigin",
    "HandOff",
    "InputRefused",
    "LocalOrigin",
    "ObjectRef",
    "Options",
    "OriginNotAllowed",
    "S3Origin",
    "Sender",
    "Site",
    "XaccelError",
    "ZipMember",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import ZipMember at its first use: an app without archives does not pay for them."""
        if name != "ZipMember":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module("xaccel.features.archives.members").ZipMember
