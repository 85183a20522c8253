"""Name the setting behind each line of a site's NGINX configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from xaccel.nginx.pools import groups, routes
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_SHOWN_ORIGINS = 3


def annotate(site: Site, shown: Mapping[str, str]) -> dict[str, str]:
    """Add the setting behind each line as a comment, unless every site has the line.

    `shown` has the files by path below the folder.
    """
    annotator = _Annotator(site)
    return {name: annotator.file(name, text) for name, text in shown.items()}


class _Annotator:
    def __init__(self, site: Site) -> None:
        self.site, self.folder = site, site.folder
        self.served = {
            location: [route.name for route in members] for location, members in groups(routes(site)).items()
        }

    def file(self, name: str, text: str) -> str:
        """Annotate one file."""
        origins = self.served.get(name.removeprefix(f"{self.folder}/").removesuffix(".conf"), [])
        found: list[str] = []
        depth, inherited = 0, ""
        for line in text.splitlines(keepends=True):
            directive = line.strip().rstrip(";{").rstrip()
            opens = line.rstrip().endswith("{")
            if opens and depth == 0:
                origins = self.origins(directive)
            setting = self.setting(directive, origins, inherited)
            if opens:
                depth += 1
                inherited = "" if directive.startswith("location") else setting
            elif directive == "}":
                depth -= 1
                inherited = ""
            if name == f"{self.folder}/log-slices.conf" and setting:
                setting += ", CACHE: slice"
            plain = not setting or not directive or directive.startswith("#")
            found.append(line if plain else f"{line.rstrip()}  # {setting}\n")
        return "".join(found)

    def origins(self, directive: str) -> list[str]:
        """Return the origins that a block at the outer level is for."""
        if path := re.fullmatch(rf"location \S+ {re.escape(self.site.internal_prefix)}([^/]+)/?", directive):
            return [name for name in self.site.origins if name == path[1]]
        if pool := re.fullmatch(rf"upstream {self.site.stem}_to_(.+)", directive):
            led = re.sub(r"_[0-9]+_https?$", "", pool[1])
            return [name for name in (pool[1], led) if name in self.site.origins][:1]
        fetch = f"@{self.site.stem}_fetch"
        if location := re.fullmatch(rf"location {fetch}(_[0-9]+)?(?:_whole|_slices)?", directive):
            return self.served.get(f"fetch{location[1] or ''}", [])
        return []

    def setting(self, directive: str, origins: list[str], inherited: str) -> str:
        """Return what a directive depends on; empty if every site has it."""
        for pattern, setting in _TABLE["rules"].items():
            if re.fullmatch(pattern, directive):
                more = len(origins) - _SHOWN_ORIGINS
                shown = ", ".join(f"ORIGINS.{name}" for name in origins[:_SHOWN_ORIGINS])
                shown += f" and {more} more" if more > 0 else ""
                is_http = all(isinstance(self.site.origins[name], HTTPOrigin) for name in origins)
                words = {
                    **_TABLE["words"],
                    "origins": shown,
                    "place": "base_url" if is_http else _TABLE["words"]["bucket"],
                    "hides": "" if is_http else "treat_403_as_404, ",
                    "around": inherited or f"{shown}: redirect_hosts",
                }
                return str(setting).format(**words)
        return inherited
