"""The site: origins and NGINX options, read and checked."""

from xaccel.site.site import CONDITION, DEFAULT_CLASS, MERGE, PROTOCOL, Cache, Site

__all__ = ["CONDITION", "DEFAULT_CLASS", "MERGE", "PROTOCOL", "Cache", "Site"]
