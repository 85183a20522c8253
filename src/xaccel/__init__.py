"""Your app decides, NGINX delivers: permission-checked downloads from private storage."""

from xaccel.errors import ConfigError, ConfigErrors, InputRefused, OriginNotAllowed, XaccelError
from xaccel.handoff.builder import HandOff
from xaccel.handoff.objects import ObjectRef
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin

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
]
