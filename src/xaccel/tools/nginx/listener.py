"""Generate the servers to which NGINX itself sends requests: for archives, uploads, grants and redirects.

They share an address of this machine, and NGINX chooses among them by the header Host. engine/listener.conf has what
all of them share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel.site.site import Loopback, Site
from xaccel.tools.nginx.emit import Directive, Raw, block, directive
from xaccel.tools.nginx.printer import Printer, header_variable

_APP_KEEPALIVE = 16
_APP_KEEPALIVE_TIMEOUT = "1s"
"""App servers close an idle connection after 2 s (gunicorn) or 5 s (uvicorn, Node). NGINX does before: otherwise a
request could be sent while the app closes, and not every request may be sent twice."""
_KEEPALIVE = 64
_Settings = TypeVar("_Settings", bound=Loopback)


def token_directive(site: Site) -> Directive:
    """Make the directive that sends the token, to such a server or to the app."""
    return directive("proxy_set_header", TOKEN_HEADER, nginx_token(site.secrets[0]))


@dataclass(frozen=True, slots=True)
class Listener(Generic[_Settings]):
    """One such server, with what leads to it and from it to the app. name: of its pool and its host."""

    name: ClassVar[str]
    printer: Printer
    settings: _Settings

    @property
    def site(self) -> Site:
        """The site."""
        return self.printer.site

    def http(self) -> Iterator[Directive]:
        """Yield the server and what belongs to it, for the http level."""
        raise NotImplementedError

    def app_upstream(self) -> Directive:
        """Make the upstream of the app, called `<stem>_<name>_app`, for requests of the server."""
        kept = [
            directive("keepalive", _APP_KEEPALIVE),
            directive("keepalive_timeout", _APP_KEEPALIVE_TIMEOUT),
        ]
        inside = [directive("server", self.settings.app), *kept]
        return block("upstream", f"{self.site.stem}_{self.name}_app", inside=inside)

    def to_itself(self, *, kept: bool = True) -> Directive:
        """Make the upstream of the server, called `<stem>_<name>`. kept: connections are used again."""
        inside = [directive("server", self.settings.listen)]
        inside += [directive("keepalive", _KEEPALIVE)] if kept else []
        return block("upstream", f"{self.site.stem}_{self.name}", inside=inside)

    def addressed(self) -> Iterator[Directive]:
        """Yield the directives that send a request to the server."""
        yield directive("proxy_set_header", "Host", self.site.loopback_host(self.name))
        yield token_directive(self.site)

    def require_token(self, source: str = "$http", why: str = "Two secrets while they rotate.") -> Directive:
        """Make the directive that refuses requests without the token; "$upstream_http": that of a response."""
        tokens = "|".join(map(nginx_token, self.site.secrets))
        given = f"{source}_{header_variable(TOKEN_HEADER)}"
        condition = Raw(f"({given}"), Raw("!~"), Raw(f'"^(?:{tokens})$")')
        return block("if", *condition, inside=[directive("return", 404)], why=why)

    def server_of(self, inside: Iterable[Directive]) -> Directive:
        """Make the server for requests with the token and the Host of `Site.loopback_host(name)`."""

        def directives() -> Iterator[Directive]:
            yield directive("listen", self.settings.listen)
            yield directive("server_name", self.site.loopback_host(self.name))
            yield self.printer.engine("listener")
            yield from self.printer.off()
            if self.printer.nginx.has("add_header_inherit"):
                yield directive("add_header_inherit", "on")
            yield self.require_token()
            yield directive("set", Raw("$xaccel_site"), self.site.stem.removeprefix("xaccel"))
            yield from inside

        return block("server", inside=directives())
