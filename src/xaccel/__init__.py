"""Your app decides, NGINX delivers: permission-checked downloads from private storage."""

from xaccel.errors import ConfigError, ConfigErrors, InputRefused, OriginNotAllowed, XaccelError
from xaccel.handoff import HandOff
from xaccel.options import Options
from xaccel.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.sender import Sender
from xaccel.site import Site

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "HTTPOrigin",
    "HandOff",
    "InputRefused",
    "LocalOrigin",
    "Options",
    "OriginNotAllowed",
    "S3Origin",
    "Sender",
    "Site",
    "XaccelError",
]
