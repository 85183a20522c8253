"""Generate how a redirect of the app becomes a hand-off: the locations of the app, and a server of the same NGINX.

engine/redirects/ has what all sites share; maps.conf there shows the way of a request.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.handoff.places import base_url, root_of
from xaccel.site.protocol import (
    AUTH_HEADER,
    DECLARED_START,
    NOTE_HEADER,
    REDIRECTS,
    SUBJECT_HEADER,
)
from xaccel.site.site import Redirects
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, map_block, phrase
from xaccel.tools.nginx.listener import Listener
from xaccel.tools.nginx.pools import placed
from xaccel.tools.nginx.printer import header_variable

_PRINTABLE = "~^[!-~](?:[ -~]{0,253}[!-~])?$"
"""A subject that the trail can hold, and NGINX can count: a key of limit_conn has at most 255 bytes."""


class Following(Listener[Redirects]):
    """The redirects of one site."""

    name = REDIRECTS

    def http(self) -> Iterator[Directive]:
        """Yield the server that adds hand-offs, for the http level."""
        yield self.printer.engine("redirects/maps")
        if self.settings.subject:
            given = f"$upstream_http_{header_variable(self.settings.subject)}"
            yield map_block(given, self._subject, [Directive(phrase(_PRINTABLE), (Raw(given),))])
            rows = [Directive('""', (Raw("%20of%20an%20unnamed%20user"),))]
            yield map_block(self._subject, self._unnamed, rows)
        yield self.app_upstream()
        yield self.to_itself()
        yield self.server_of(self._adds())

    def server(self) -> Iterator[Directive]:
        """Yield the locations of the app, for each server of the site."""
        for path in self.settings.paths:
            inside = [directive("proxy_pass", f"http://{self.site.stem}_{REDIRECTS}"), *self.addressed()]
            inside += [*self.printer.app(), self.printer.engine("to-itself")]
            for name in self.site.response_headers:
                inside.append(directive("proxy_hide_header", f"{DECLARED_START}{name}"))
            if self.settings.include:
                inside.append(directive("include", self.settings.include))
            yield block("location", Raw("^~"), path, inside=inside)

    @property
    def _subject(self) -> str:
        return f"${self.site.stem}_redirect_subject"

    @property
    def _unnamed(self) -> str:
        return f"${self.site.stem}_redirect_unnamed"

    def _adds(self) -> Iterator[Directive]:
        site = self.site
        yield directive("set", Raw("$xaccel_redirect_start"), site.internal_prefix)
        yield directive("set", Raw("$xaccel_redirect_head"), self.settings.head_signed_for)
        yield from placed("$xaccel_redirect_origins", "", self._origins())
        inside = [*self.printer.app(), self.printer.engine("redirects/hop")]
        for name in site.response_headers:
            given = Raw(f"$upstream_http_{header_variable(name)}")
            inside.append(directive("add_header", f"{DECLARED_START}{name}", given, "always"))
        inside.append(directive("add_header", AUTH_HEADER, site.secrets[0], "always"))
        note = "$xaccel_redirect_note%20of%20an%20unnamed%20user"
        if self.settings.subject:
            note = f"$xaccel_redirect_note{self._unnamed}"
            inside.append(directive("proxy_hide_header", self.settings.subject))
            inside.append(directive("add_header", SUBJECT_HEADER, Raw(self._subject), "always"))
        inside.append(directive("add_header", NOTE_HEADER, Raw(note), "always"))
        inside.append(directive("proxy_pass", f"http://{site.stem}_{REDIRECTS}_app"))
        yield block("location", "/", inside=inside)

    def _origins(self) -> Iterator[str]:
        """Yield what the engine's maps compare a Location with."""
        for name in self.settings.origins:
            unsigned = "!" if name in self.settings.allow_unsigned else ""
            origin = self.site.origins[name]
            yield f" {unsigned}{name}={root_of(origin, base_url(origin))}"
        yield " "
