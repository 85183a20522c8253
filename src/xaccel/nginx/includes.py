"""What the locations of a site include: the engine's files, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xaccel.errors import NginxError
from xaccel.nginx import engine_files as engine
from xaccel.nginx.emit import Directive, Raw, block, directive
from xaccel.nginx.names import Names, names_of
from xaccel.nginx.probe import Nginx
from xaccel.site import CONDITION, MERGE, Site


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
        self.files: dict[str, tuple[Directive, ...]] = {}

    def engine(self, name: str) -> Directive:
        """Include a file of the engine."""
        place = engine.FOLDER if self.folder is None else f"{self.folder}/engine"
        return directive("include", f"{place}/{name}.conf")

    def shared(self, path: str, inside: Iterable[Directive]) -> Iterator[Directive]:
        """Print what several locations include from a file of its own, or have in each of them."""
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

    def engine_parts(self) -> Iterator[Directive]:
        """Include what the http level needs of the engine."""
        if self.nginx.njs:
            place = engine.FOLDER if self.folder is None else f"{self.folder}/engine"
            yield directive("js_import", "xaccel", "from", f"{place}/{engine.SCRIPT}")
        for name in engine.maps(slices=self.nginx.slice):
            yield self.engine(name)

    def off_module(self, *modules: str) -> Iterator[Directive]:
        """Switch off modules of the default build."""
        for module in modules:
            if module not in self.nginx.lacks:
                yield self.engine(f"off/{module}")

    def doors(self) -> Iterator[Directive]:
        """Leave the decision who may come in to the location of the app."""
        yield from self.off_module("auth_basic")
        if self.nginx.auth_request:
            yield self.engine("off/auth_request")

    def off(self) -> Iterator[Directive]:
        """Switch off what this NGINX could do to a download."""
        nginx, usual = self.nginx, "gzip ssi charset userid headers access mirror autoindex"
        inside = [*self.off_module(*usual.split())]
        inside += self.doors()
        inside += [
            self.engine(f"off/{name}")
            for name in ("gunzip", "gzip_static", "sub", "addition")
            if getattr(nginx, name)
        ]
        inside += [self.engine("off/early_hints")] if nginx.sends_early_hints else []
        inside += [self.engine("off/trailers")] if nginx.passes_trailers else []
        inside += [self.engine("off/inherit")] if nginx.merges_headers else []
        return self.shared("off", inside)

    def ways(self) -> tuple[str, ...]:
        """Return the endings of the names of fetch locations: as requested, whole, in slices."""
        cache = self.site.cache
        if cache is None:
            return ("",)
        return ("", "_whole", *(["_slices"] if self.nginx.slice and cache.slice_bytes else []))

    def conditions(self) -> Iterator[tuple[int, str]]:
        """Return the conditions of the operator's own access_log lines, by their number."""
        for index, line in enumerate(self.site.access_logs):
            for word in line.split():
                if word.startswith("if="):
                    yield index, word.removeprefix("if=")

    def own_condition(self, index: int, *, slices: bool) -> str:
        """Name the variable of such a condition, for a location with slices or another one."""
        return f"${self.names.plain('logged_slices' if slices else 'logged')}_{index}"

    def ending(self, *, slices: bool = False) -> Iterator[Directive]:
        """Print what ends each location."""
        inside = [*self.off(), *self.log_lines(slices=slices)]
        return self.of_site("log-slices" if slices else "log", inside)

    def log_lines(self, *, slices: bool) -> Iterator[Directive]:
        """Print the log, and the operator's lines that NGINX drops in a location with such lines."""
        site = self.site
        mine = "$xaccel_is_sliced_transfer" if slices else "$xaccel_is_transfer"
        yield directive("access_log", site.log_path, "xaccel_transfer", Raw(f"if={mine}"))
        if not slices:
            yield directive("access_log", site.log_path, "xaccel_refusal", Raw("if=$xaccel_is_refusal"))
        conditions = dict(self.conditions())
        # $request_length is 0 in a subrequest, whose refusal has an entry in the site's own log alone
        always = mine if slices else "$request_length"
        for index, line in enumerate(site.access_logs):
            words = [word for word in line.split() if not CONDITION.fullmatch(f" {word}", 1)]
            found = self.own_condition(index, slices=slices) if index in conditions else always
            # NGINX would take the condition for the format
            words += ["combined"] if len(words) == 1 else []
            yield directive("access_log", *words, Raw(f"if={found}"))
        merges = site.add_headers == MERGE
        if self.nginx.merges_headers:
            yield directive("add_header_inherit", "merge" if merges else "on")
        elif merges:
            raise NginxError(
                f"NGINX {'.'.join(map(str, self.nginx.version))} cannot merge add_header lines (1.29.3 and newer can)",
                where='XACCEL["ADD_HEADERS"]',
                remedy='Name your lines: [["Strict-Transport-Security", "max-age=31536000"]].',
            )
        for name, value in () if site.add_headers == MERGE else site.add_headers:
            yield directive("add_header", name, value, "always")
