"""Count how much of a configuration an operator reviews: tests/figures.py prints it.

Lines of the engine are those that are neither comment nor blank. Lines of a site are all lines of its own folder.
"""

from __future__ import annotations

from dataclasses import replace

from tests.live.config.golden import BUCKET, SECRET
from xaccel.site import Cache, Site
from xaccel.tools.nginx import Nginx, Parts, config_folder, render
from xaccel.tools.nginx.emit import Directive
from xaccel.tools.nginx.engine_files import FOLDER

_XACCEL = "xaccel"

PLAIN = Site(origins={"documents": BUCKET}, secrets=(SECRET,), resolver=("192.0.2.53",))
"""One S3 origin; the DNS server is for NGINX 1.27.3 and newer, which looks names up itself."""

FULL = replace(
    PLAIN,
    origins={"documents": replace(BUCKET, cache=True)},
    cache=Cache(path="cache"),
    concurrency={"default": 8},
    limit_rate=1_000_000,
    access_logs=("access.log combined",),
)
"""One S3 origin with cache, slices, limits and the operator's own log."""


def code(text: str) -> list[str]:
    """Return the lines that are neither comment nor blank."""
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith(("#", "//"))]


def engine() -> dict[str, str]:
    """Return the engine's files by path."""
    found = (path for path in FOLDER.rglob("*") if path.suffix in (".conf", ".js"))
    return {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in sorted(found)}


def engine_lines(names: set[str] | None = None) -> int:
    """Count the lines of the engine, or of some of its files."""
    return sum(len(code(text)) for name, text in engine().items() if names is None or name in names)


def parts_of(site: Site, build: Nginx) -> Parts:
    """Make the configuration of a site, without a DNS query."""
    return render(site, build, folder=_XACCEL, lookup=lambda _: ("192.0.2.80:443",))


def included(site: Site, build: Nginx) -> set[str]:
    """Return the engine's files that a site includes."""
    parts = parts_of(site, build)
    found: set[str] = set()

    def walk(directives: tuple[Directive, ...]) -> None:
        for item in directives:
            found.update(arg.removeprefix(f"{_XACCEL}/engine/") for arg in item.args if "/engine/" in arg)
            walk(item.block or ())

    for some in (parts.engine, parts.http, parts.server, parts.app, *parts.files.values()):
        walk(some)
    return found


def site_lines(site: Site, build: Nginx) -> int:
    """Count the lines of the site's own folder, with comments."""
    found = config_folder.generated(site, parts_of(site, build), _XACCEL)
    folder = f"{site.folder}/"
    return sum(len(text.splitlines()) for name, text in found.items() if name.startswith(folder))


def origin_lines(site: Site, build: Nginx) -> int:
    """Count the lines that one more S3 origin adds."""
    (first,) = site.origins.values()
    more = {**site.origins, "more": replace(first, bucket="more")}  # type: ignore[type-var]
    return site_lines(replace(site, origins=more), build) - site_lines(site, build)
