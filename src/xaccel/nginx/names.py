"""Every name in the printed text that another part of an NGINX could also use."""

from __future__ import annotations

from dataclasses import dataclass

from xaccel.nginx.emit import Raw, var
from xaccel.site import Site


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one site: all start with `xaccel_`, or `xaccel_<site>_`."""

    stem: str

    def var(self, name: str) -> Raw:
        """Name a variable of the site."""
        return var(f"{self.stem}_{name}")

    def plain(self, name: str) -> str:
        """Name an upstream, a zone, a log format or a capture."""
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
