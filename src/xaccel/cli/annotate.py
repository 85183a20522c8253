"""Name the setting behind each line of a site's NGINX configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xaccel.nginx.includes import folder_of, names_of
from xaccel.nginx.pools import groups, routes
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin

_BUCKET = "bucket, region, endpoint_url, addressing_style"
_TLS = "ca_file, verify_tls, client_certificate, client_key"
_BUILD = "this NGINX"

_RULES = (
    (r"include .*/(?:off|app)\.conf", ""),
    (r"include .*/off/inherit\.conf", f"{_BUILD}, ADD_HEADERS"),
    (r"include .*/engine/off/.*", _BUILD),
    (r"js_import .*|include .*/maps/9-(?:slices|whole)\.conf", _BUILD),
    (r"include .*/locations/(?:hide|headers-more|njs|page-njs)\.conf", _BUILD),
    (r"include .*/locations/no-cache\.conf", "BUFFERS, CACHE"),
    (r"include .*/locations/buffers\.conf", "BUFFERS"),
    (r"include .*/locations/limits\.conf", "CONCURRENCY"),
    (r"include .*/locations/(?:ask-slices|cut)\.conf", "CACHE: slice"),
    (r"include .*/locations/(?:cache|cache-read|ask-whole)\.conf", "CACHE"),
    (r"include .*/locations/tls(?:-own)?\.conf", f"{{origins}}: {_TLS}"),
    (r"include .*/secret-headers\.conf", "ORIGINS: request_headers"),
    (r"include .*/fetch\w*\.conf", "CACHE"),
    (r"include .*/log-slices\.conf", "CACHE: slice"),
    (r"map \$upstream_http_xaccel_auth .*", "SECRET"),
    (r"location = \S+ \{ return 200 .*", "SECRET, all settings"),
    (r"location .*/.*", "{origins}"),
    (r"location @\w*_(?:fetch(?:_[0-9]+)?_slices|cut)", "CACHE: slice"),
    (r"location @\w*_fetch(?:_[0-9]+)?_whole", "CACHE"),
    (r"location @\w*_fetch(?:_[0-9]+)?", "{origins}"),
    (r"set \$args .* \$args\"", ""),
    (r"set \$args .* root=.*", "{origins}: root"),
    (r"set \$args .*", f"{{origins}}: {{place}}, {{hides}}redirect_hosts, {_TLS}"),
    (r"set \$xaccel_zone .*", "CACHE"),
    (r"set \$xaccel_cache_holds .*", "CACHE: max_size"),
    (r"set \$xaccel_site_rate .*", "LIMIT_RATE"),
    (r"set \$xaccel_site_rate_after .*", "LIMIT_RATE_AFTER"),
    (r"set \$xaccel_add_.*", "RESPONSE_HEADERS"),
    (r"set \$xaccel_own_page .*", "ERROR_PAGES"),
    (r"proxy_ssl_.*", f"{{origins}}: {_TLS}"),
    (r"proxy_set_header .*", "{origins}: request_headers"),
    (r"resolver .*", "RESOLVER, {around}"),
    (r"(?:limit_conn|limit_conn_zone|map \$xaccel_concurrency) .*", "CONCURRENCY"),
    (r"map \$status \$\w+_pages", "ERROR_PAGES"),
    (r"map .* \$\w+_fixed_\w+", "ORIGINS: request_headers"),
    (r"map .* \$\w+_logged(?:_slices)?_[0-9]+", "ACCESS_LOGS"),
    (r"proxy_cache_path .*", "CACHE: path, keys, max_size, min_free, inactive"),
    (r"proxy_cache_valid .*", "CACHE: valid, slice"),
    (r"proxy_cache_lock_.*", "CACHE: lock"),
    (r"slice .*", "CACHE: slice"),
    (r"proxy_(?:buffers|busy_buffers_size|temp_file_write_size) .*", "BUFFERS"),
    (r"zone .*", f"{_BUILD}, {{around}}"),
    (r"resolver_timeout .*", "{around}"),
    (r"keepalive .*|volatile|\}", ""),
    (r"upstream .*_https?", "{origins}: redirect_hosts"),
    (r"upstream .*", "{origins}: {place}, connect_to"),
    (r"access_log .* xaccel_(?:transfer|refusal) .*", "TRANSFER_LOG"),
    (r"access_log .*", "ACCESS_LOGS"),
    (r"add_header \S+ \$xaccel_add_\w+", "RESPONSE_HEADERS"),
    (r"add_header .*", "ADD_HEADERS"),
    (r"add_header_inherit .*", f"{_BUILD}, ADD_HEADERS"),
)
"""What a line depends on, by a regular expression of its directive. The first one that matches counts.

`{around}` is what the upstream depends on. Only hosts of redirects have a resolver elsewhere."""

_SHOWN_ORIGINS = 3


def annotate(site: Site, shown: Mapping[str, str]) -> dict[str, str]:
    """Add the setting behind each line as a comment, unless every site has the line.

    `shown` has the files by path below the folder.
    """
    annotator = _Annotator(site)
    return {name: annotator.file(name, text) for name, text in shown.items()}


class _Annotator:
    def __init__(self, site: Site) -> None:
        self.site, self.names, self.folder = site, names_of(site), folder_of(site)
        self.served = {
            group.location: [route.name for route in group.members] for group in groups(routes(site))
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
        if pool := re.fullmatch(rf"upstream {re.escape(self.names.plain('to_'))}(.+)", directive):
            led = re.sub(r"_[0-9]+_https?$", "", pool[1])
            return [name for name in (pool[1], led) if name in self.site.origins][:1]
        fetch = re.escape(self.names.location("fetch"))
        if location := re.fullmatch(rf"location {fetch}(_[0-9]+)?(?:_whole|_slices)?", directive):
            return self.served.get(f"fetch{location[1] or ''}", [])
        return []

    def setting(self, directive: str, origins: list[str], inherited: str) -> str:
        """Return what a directive depends on; empty if every site has it."""
        for pattern, setting in _RULES:
            if re.fullmatch(pattern, directive):
                more = len(origins) - _SHOWN_ORIGINS
                shown = ", ".join(f"ORIGINS.{name}" for name in origins[:_SHOWN_ORIGINS])
                shown += f" and {more} more" if more > 0 else ""
                is_http = all(isinstance(self.site.origins[name], HTTPOrigin) for name in origins)
                return setting.format(
                    origins=shown,
                    place="base_url" if is_http else _BUCKET,
                    hides="" if is_http else "treat_403_as_404, ",
                    around=inherited or f"{shown}: redirect_hosts",
                )
        return inherited
