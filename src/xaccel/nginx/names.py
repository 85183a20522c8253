"""Names of a site that must differ from those of other sites: locations, upstreams and zones."""

from __future__ import annotations

from dataclasses import dataclass

from xaccel.nginx.emit import Raw
from xaccel.site import Site


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one site: all start with `xaccel_`, or `xaccel_<site>_`."""

    stem: str

    def plain(self, name: str) -> str:
        """Name an upstream, a zone or a map of the site."""
        return f"{self.stem}_{name}"

    def location(self, name: str) -> str:
        """Name a named location."""
        return f"@{self.stem}_{name}"


def names_of(site: Site) -> Names:
    """Return the names of `site`."""
    return Names(f"xaccel_{site.name}" if site.name else "xaccel")


def header_variable(header: str) -> str:
    """Return how NGINX spells a header in a variable: "X-Robots-Tag" is x_robots_tag."""
    return header.lower().replace("-", "_")


def header_name(names: Names, header: str) -> Raw:
    """Name the variable with the value of a fixed request header."""
    return Raw(f"${names.plain('fixed')}_{header_variable(header)}")
