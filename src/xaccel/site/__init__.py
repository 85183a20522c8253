"""The site: origins and NGINX options, read and checked."""

from xaccel.site.protocol import PROTOCOL
from xaccel.site.rules import DEFAULT_CLASS
from xaccel.site.site import Cache, Site

__all__ = ["DEFAULT_CLASS", "PROTOCOL", "Cache", "Site"]
