"""The site: origins and NGINX options, read and checked."""

from xaccel.site.rules import CONDITION, DEFAULT_CLASS, MERGE
from xaccel.site.site import PROTOCOL, Cache, Site

__all__ = ["CONDITION", "DEFAULT_CLASS", "MERGE", "PROTOCOL", "Cache", "Site"]
