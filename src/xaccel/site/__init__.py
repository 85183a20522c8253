"""The site: origins and NGINX options, read and checked."""

from xaccel.site.rules import DEFAULT_CLASS
from xaccel.site.site import PROTOCOL, Cache, Site

__all__ = ["DEFAULT_CLASS", "PROTOCOL", "Cache", "Site"]
