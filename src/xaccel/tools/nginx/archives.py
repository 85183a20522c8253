"""Generate the assembler of a site: a server of the same NGINX that makes archives of many objects.

For the servers that send downloads an archive is one more HTTP origin, `archives`. So its ranges, conditions, limits,
error pages and log entries are those of all downloads. engine/archives/ has what all sites share.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.site.origins import HTTPOrigin
from xaccel.site.protocol import ARCHIVES
from xaccel.site.site import Archives, Site
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.tools.nginx.listener import Listener, token_directive
from xaccel.tools.nginx.pools import Route, destination, placed
from xaccel.tools.nginx.probe import require_safe_ssi

_LOG = (
    '{"v":1,"id":"$xaccel_public_id","member":"$xaccel_member_number","origin":"$xaccel_member_origin",'
    '"range":"$xaccel_member_asked","origin_status":"$xaccel_member_origin_status",'
    '"origin_bytes":"$xaccel_member_origin_bytes","why":"$xaccel_member_why","end":$msec}'
)


def member_origin(site: Site, name: str) -> str:
    """Return what $xaccel_origin is for a member: a name that no other site of this NGINX has.

    A template can show every variable. So the maps with fixed headers of another site must not match, even if an
    origin of that site has the same name.
    """
    return f"{site.folder}.{name}"


class Assembler(Listener[Archives]):
    """The assembler of one site."""

    name = ARCHIVES

    def http(self) -> Iterator[Directive]:
        """Yield the assembler, for the http level. Raises NginxError if a flaw of this NGINX is in the way."""
        require_safe_ssi(self.printer.nginx)
        why = "The assembler of archives."
        yield directive("include", *self.printer.engine("archives/maps").args, why=why)
        yield directive("log_format", f"{self.site.stem}_member", "escape=json", phrase(_LOG))
        zone = f"zone={self._zone}:32k"
        yield directive("limit_conn_zone", Raw("$xaccel_counted_archive"), zone)
        yield self.app_upstream()
        yield self.server_of(self._assembler())

    @property
    def _zone(self) -> str:
        return f"{self.site.stem}_assembled"

    def _assembler(self) -> Iterator[Directive]:
        site, stem, engine = self.site, self.site.stem, self.printer.engine
        yield engine("archives/assembler")
        yield self._log("$xaccel_member_failed")
        yield block("location", "=", "/", inside=[directive("return", 204)])
        yield from self._requests_to_itself()
        for location, routes in self.printer.groups.items():
            yield from (self._member(route, location) for route in routes if self._may_be_member(route))
            checks = [engine("archives/njs")] if "njs" in self.printer.nginx.modules else []
            asks = [engine("archives/ask"), engine("locations/fetch"), *checks]
            yield block("location", f"@{stem}_{location}", inside=[*asks, *self.printer.connection(routes)])
        for name, origin in site.directories.items():
            inside = [directive("set", Raw("$xaccel_root"), origin.root), engine("locations/file")]
            yield block("location", Raw("^~"), f"/file/{name}/", inside=inside)
        yield block("location", "=", "/cut", inside=[engine("archives/cut")])
        for name in ("page", "401", "cut"):
            yield block("location", f"@{stem}_{name}", inside=[engine("archives/failed")])

    def _requests_to_itself(self) -> Iterator[Directive]:
        """Yield the locations of archives and parts: the first requests the app, the second one this server."""
        token, engine = token_directive(self.site), self.printer.engine
        [pool] = [each.pool.name for each in self.printer.routes if each.name == ARCHIVES]
        to_app = f"http://{self.site.stem}_archives_app{self.site.internal_prefix}{ARCHIVES}/"
        to_itself = Raw(f"http://{pool}$xaccel_archive?token=$xaccel_ticket")
        limit = directive("limit_conn", self._zone, self.settings.site_at_once)
        template = [directive("proxy_pass", to_app), token, engine("archives/template"), limit]
        refused = self._log("$xaccel_member_refused")
        yield block("location", Raw("^~"), "/archive/", inside=[*template, refused])
        part = [
            directive("proxy_pass", to_itself),
            token,
            engine("archives/part"),
            engine("archives/one-by-one"),
        ]
        yield block("location", "=", "/part", inside=part)

    def _log(self, condition: str) -> Directive:
        log_format = f"{self.site.stem}_member"
        return directive("access_log", self.settings.log, log_format, Raw(f"if={condition}"))

    def _member(self, route: Route, location: str) -> Directive:
        start = f"origin={member_origin(self.site, route.name)} sender=@{self.site.stem}_{location}"
        place = placed("$xaccel_place", start, destination(route))
        # the last directive of member.conf leaves the location
        checks = [self.printer.engine("archives/one-by-one"), self.printer.engine("archives/member")]
        inside = [*place, *checks]
        return block("location", "=", f"/member/{route.name}", inside=inside)

    def _may_be_member(self, route: Route) -> bool:
        """Tell whether NGINX knows in time that a response is not the member, or the origin itself does."""
        is_sure = not isinstance(route.origin, HTTPOrigin) or route.name in (ARCHIVES, *self.settings.proven)
        return is_sure or "njs" in self.printer.nginx.modules
