"""Make directives of one site for one NGINX: connections, logs, and includes of the engine and of shared files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xaccel.site import Site
from xaccel.tools.nginx import engine_files as engine
from xaccel.tools.nginx.emit import Directive, Raw, directive
from xaccel.tools.nginx.pools import Route, groups, request_header_names, resolvers, routes, tls_directives
from xaccel.tools.nginx.probe import Nginx


def header_variable(header: str) -> str:
    """Return how NGINX spells a header in a variable: "X-Robots-Tag" is x_robots_tag."""
    return header.lower().replace("-", "_")


class Printer:
    """Makes directives of one site for one NGINX.

    folder: where the engine and the shared files are. None: the engine is included from this package, and directives of
    shared files are in each location. files: the shared files, by path below the folder. groups: the origins of each
    fetch location, by its name without stem.
    """

    def __init__(self, site: Site, nginx: Nginx, folder: str | None) -> None:
        self.site, self.nginx, self.folder = site, nginx, folder
        self.engine_folder = engine.FOLDER if folder is None else f"{folder}/engine"
        self.files: dict[str, tuple[Directive, ...]] = {}
        self.routes = routes(site)
        self.groups = groups(self.routes)

    def engine(self, name: str) -> Directive:
        """Include a file of the engine."""
        return directive("include", f"{self.engine_folder}/{name}.conf")

    def shared(self, path: str, inside: Iterable[Directive]) -> Iterator[Directive]:
        """Put directives of several locations into a file that they include; without a folder, into each location."""
        if self.folder is None:
            yield from inside
            return
        self.files[f"{path}.conf"] = tuple(inside)
        yield directive("include", f"{self.folder}/{path}.conf")

    def of_site(self, name: str, inside: Iterable[Directive]) -> Iterator[Directive]:
        """Put directives of several locations of this site into a file."""
        return self.shared(f"{self.site.folder}/{name}", inside)

    def off(self, *but: str) -> list[Directive]:
        """Switch off what an operator may use for other pages."""
        return [self.engine(name) for name in engine.off(self.nginx) if name not in but]

    def app(self) -> Iterator[Directive]:
        """Yield what each location has that proxies to the app."""
        hints = [self.engine("off/early_hints")] if self.nginx.has("early_hints") else []
        yield from self.shared("app", [self.engine("app"), *hints])

    def outer_lines(self, condition: str) -> Iterator[Directive]:
        """Yield the operator's logs and headers: NGINX inherits none into a location that has some."""
        for line in self.site.access_logs:
            # NGINX would take the condition for the format
            words = line.split() if " " in line.strip() else [line.strip(), "combined"]
            yield directive("access_log", *words, Raw(f"if={condition}"))
        if self.nginx.has("add_header_inherit"):
            yield directive("add_header_inherit", "on")
        for name, value in self.site.add_headers:
            yield directive("add_header", name, value, "always")

    def connection(self, members: list[Route]) -> Iterator[Directive]:
        """Yield what the connections of a group need."""
        # an origin without TLS may redirect to one with TLS
        if any(route.scheme == "https" or route.origin.redirect_hosts for route in members):
            yield self.engine("locations/tls-own" if members[0].tls.own else "locations/tls")
            yield from tls_directives(members[0].tls)
        for name in request_header_names(members):
            yield directive("proxy_set_header", name.title(), self.fixed(name))
        if any(host.startswith("*.") for route in members for host in route.origin.redirect_hosts):
            yield directive("resolver", *resolvers(self.site))
            yield directive("resolver_timeout", "5s")

    def fixed(self, header: str) -> Raw:
        """Name the variable with the value of a fixed request header."""
        return Raw(f"${self.site.stem}_fixed_{header_variable(header)}")
