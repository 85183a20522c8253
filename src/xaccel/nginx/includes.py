"""Name the parts of a site, and include the engine's files and the shared ones in its locations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xaccel.nginx import engine_files as engine
from xaccel.nginx.emit import Directive, Raw, block, directive
from xaccel.nginx.probe import Nginx
from xaccel.site import Site

_MODULES = (
    "gzip ssi charset userid headers access mirror autoindex auth_basic auth_request gunzip gzip_static sub addition"
).split()
"""Modules that an operator may use for other pages, and that downloads switch off."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one site: all start with `xaccel_`, or `xaccel_<site>_`."""

    stem: str

    @property
    def suffix(self) -> str:
        """The part of all names that is the site's."""
        return self.stem.removeprefix("xaccel")

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


def folder_of(site: Site) -> str:
    """Return the name of the site's folder."""
    return site.name or "site"


class Includes:
    """The includes of one site for one NGINX.

    folder: where the engine and the shared files are. None: the engine is that of this package, and what would be in
    shared files is in each location. files: the shared files, by path below the folder.
    """

    def __init__(self, site: Site, nginx: Nginx, folder: str | None) -> None:
        self.site, self.nginx, self.folder = site, nginx, folder
        self.names: Names = names_of(site)
        self.engine_folder = engine.FOLDER if folder is None else f"{folder}/engine"
        self.files: dict[str, tuple[Directive, ...]] = {}

    def engine(self, name: str) -> Directive:
        """Include a file of the engine."""
        return directive("include", f"{self.engine_folder}/{name}.conf")

    def of_engine(self, *names: str) -> Iterator[Directive]:
        """Include files of the engine for a location."""
        return (self.engine(f"locations/{name}") for name in names)

    def shared(self, path: str, inside: Iterable[Directive]) -> Iterator[Directive]:
        """Put what several locations need into a file that they include, or into each of them."""
        if self.folder is None:
            yield from inside
            return
        self.files[f"{path}.conf"] = tuple(inside)
        yield directive("include", f"{self.folder}/{path}.conf")

    def of_site(self, name: str, inside: Iterable[Directive]) -> Iterator[Directive]:
        """Share a file of the site."""
        return self.shared(f"{folder_of(self.site)}/{name}", inside)

    def map(self, source: str, name: str, *rows: Directive, default: str = "", why: str = "") -> Directive:
        """Print a map of the site."""
        inside = (directive("volatile"), directive("default", Raw(default or '""')), *rows)
        return block("map", Raw(source), Raw(name), inside=inside, why=why)

    def off(self) -> Iterator[Directive]:
        """Switch off what this NGINX could do to a download."""
        since = {
            "early_hints": "early_hints",
            "trailers": "proxy_pass_trailers",
            "inherit": "add_header_inherit",
        }
        names = [name for name in _MODULES if name in self.nginx.modules]
        names += [name for name, feature in since.items() if self.nginx.has(feature)]
        return self.shared("off", (self.engine(f"off/{name}") for name in names))

    def ways(self) -> tuple[str, ...]:
        """Return the endings of the names of fetch locations: as requested, whole, in slices."""
        cache = self.site.cache
        if cache is None:
            return ("",)
        return ("", "_whole", *(["_slices"] if "slice" in self.nginx.modules and cache.slice_bytes else []))

    def ending(self, *, slices: bool = False) -> Iterator[Directive]:
        """Print what ends each location."""
        inside = [*self.off(), *self.log_lines(slices=slices)]
        return self.of_site("log-slices" if slices else "log", inside)

    def log_lines(self, *, slices: bool) -> Iterator[Directive]:
        """Print the log, and the operator's lines that NGINX drops in a location with such lines."""
        site = self.site
        mine = "$xaccel_is_sliced_transfer" if slices else "$xaccel_is_transfer"
        yield directive("access_log", site.transfer_log, "xaccel_transfer", Raw(f"if={mine}"))
        if not slices:
            yield directive("access_log", site.transfer_log, "xaccel_refusal", Raw("if=$xaccel_is_refusal"))
        # $request_length is 0 in a subrequest, whose refusal has an entry in the site's own log alone
        always = mine if slices else "$request_length"
        for line in site.access_logs:
            # NGINX would take the condition for the format
            words = line.split() if " " in line.strip() else [line.strip(), "combined"]
            yield directive("access_log", *words, Raw(f"if={always}"))
        if self.nginx.has("add_header_inherit"):
            yield directive("add_header_inherit", "on")
        for name, value in site.add_headers:
            yield directive("add_header", name, value, "always")
