"""Generate the servers of a site to which NGINX itself sends requests.

They share an address of this machine, and NGINX chooses among them by the header Host. engine/listener.conf has what
all of them share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from xaccel.nginx.emit import Directive, Raw, block, directive
from xaccel.nginx.engine_files import off
from xaccel.nginx.probe import Nginx
from xaccel.site import Site
from xaccel.site.site import TOKEN_HEADER, Loopback, nginx_token

_APP_KEEPALIVE = 16
_APP_KEEPALIVE_TIMEOUT = "1s"
"""App servers close an idle connection after 2 s (gunicorn) or 5 s (uvicorn, Node). NGINX does before: otherwise a
request could be sent while the app closes, and not every request may be sent twice."""
_KEEPALIVE = 64
_GIVEN = Raw(f"$http_{TOKEN_HEADER.lower().replace('-', '_')}")


def app_upstream(site: Site, name: str, settings: Loopback) -> Directive:
    """Make the upstream of the app, called `<stem>_<name>_app`, for requests of such a server."""
    kept = [directive("keepalive", _APP_KEEPALIVE), directive("keepalive_timeout", _APP_KEEPALIVE_TIMEOUT)]
    return block("upstream", f"{site.stem}_{name}_app", inside=[directive("server", settings.app), *kept])


def token_directive(site: Site) -> Directive:
    """Make the directive that sends the token, to such a server or to the app."""
    return directive("proxy_set_header", TOKEN_HEADER, nginx_token(site.secrets[0]))


def addressed(site: Site, name: str) -> Iterator[Directive]:
    """Yield the directives that send a request to the server `name`."""
    yield directive("proxy_set_header", "Host", site.loopback_host(name))
    yield token_directive(site)


def to_itself(site: Site, name: str, settings: Loopback) -> Directive:
    """Make the upstream of such a server, called `<stem>_<name>`."""
    inside = [directive("server", settings.listen), directive("keepalive", _KEEPALIVE)]
    return block("upstream", f"{site.stem}_{name}", inside=inside)


def require_token(site: Site) -> Directive:
    """Make the directive that refuses requests without the token."""
    tokens = "|".join(map(nginx_token, site.secrets))
    condition = Raw(f"({_GIVEN}"), Raw("!~"), Raw(f'"^(?:{tokens})$")')
    return block("if", *condition, inside=[directive("return", 404)], why="Two secrets while they rotate.")


def loopback_server(
    site: Site,
    nginx: Nginx,
    name: str,
    settings: Loopback,
    *,
    inside: Iterable[Directive],
    engine: Callable[[str], Directive],
) -> Directive:
    """Make the server for requests with the token and the Host of `Site.loopback_host(name)`.

    engine: includes a file of the engine.
    """

    def directives() -> Iterator[Directive]:
        yield directive("listen", settings.listen)
        yield directive("server_name", site.loopback_host(name))
        yield engine("listener")
        yield from map(engine, off(nginx))
        if nginx.has("add_header_inherit"):
            yield directive("add_header_inherit", "on")
        yield require_token(site)
        yield directive("set", Raw("$xaccel_site"), site.stem.removeprefix("xaccel"))
        yield from inside

    return block("server", inside=directives())
