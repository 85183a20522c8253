"""The things that the checks look at, each once: the site, NGINX's configuration, the front door, one download."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from xaccel.doctor.check import Skipped
from xaccel.doctor.front_door import Door, Reply, door_at, door_of
from xaccel.doctor.machine import Identity, identity_of
from xaccel.doctor.own_directives import Line, dump, findings, http_of, parse, paths_to
from xaccel.errors import XaccelError
from xaccel.nginx import Nginx, probe
from xaccel.nginx.includes import folder_of
from xaccel.nginx.probe import only_loaded
from xaccel.nginx.settings_digest import SERVED, digest_path
from xaccel.site import Site

_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_SERVED = "`xaccel serve` runs the NGINX of this site, from a temporary folder"
_ROOT_HTTP = re.compile(r"^# configuration file (.+)/http\.conf:\n# For hand-off protocol", re.MULTILINE)
_NO_NGINX = "this is not NGINX's host; --nginx PATH names its program"
_DIGEST = re.compile(rf"([0-9a-f]{{16}}) \d+ ([\d.]+)({SERVED})?")
_DENIED = re.compile(r"\(13: Permission denied\)")


@dataclass(kw_only=True, eq=False)
class RunningSite:
    """A site with the NGINX in front of it. Facts are found out when the first check needs them.

    nginx: the program; empty where this machine is not NGINX's host. options: for its prefix and configuration.
    has_app: whether this machine is the app's host.
    url: the front door; empty: the first `listen` of the server that includes server.conf. download: path of one
    download, for `headers` (a cookie, for example). named: origin and key of an object to look at.
    config: a configuration without xaccel.
    """

    read_site: Callable[[], Site]
    nginx: str = ""
    has_app: bool = True
    options: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    write_addresses: bool = False
    url: str = ""
    download: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, str] | None = None
    config: Path | None = None

    @cached_property
    def site(self) -> Site:
        """Raises ConfigErrors and ConfigError."""
        return self.read_site()

    def elsewhere(self, where: str) -> str:
        """Return why a check that must run at `where` is skipped here; empty: it is not."""
        if where == "NGINX's host" and (not self.nginx or self.is_served):
            return _SERVED if self.nginx else _NO_NGINX
        return "this is not the app's host" if where == "the app's host" and not self.has_app else ""

    # NGINX on disk

    @cached_property
    def build(self) -> Nginx:
        """The version and the modules of the program. Raises Skipped elsewhere than on NGINX's host, and NginxError."""
        if not self.nginx:
            raise Skipped(_NO_NGINX)
        wanted = {"njs": "njs" not in self.without, "headers_more": "headers-more" not in self.without}
        return probe(self.nginx, **wanted)

    @cached_property
    def tested(self) -> subprocess.CompletedProcess[str]:
        """The result of `nginx -T`. Raises Skipped without the right to read the configuration."""
        assert self.build
        done = dump([self.nginx, *self.options])
        if done.returncode != 0 and _DENIED.search(done.stderr) and os.geteuid() != 0:
            raise Skipped("`nginx -T` may not read NGINX's configuration: run as root")
        return done

    @property
    def dumped(self) -> str:
        """The configuration on disk. Raises Skipped where NGINX refuses it."""
        if self.tested.returncode != 0:
            raise Skipped("NGINX refuses its configuration, and does not print it")
        return self.tested.stdout

    @cached_property
    def http(self) -> tuple[Line, ...]:
        """The content of `http { }` on disk."""
        return http_of(self.dumped, self.site)

    @cached_property
    def main(self) -> dict[str, tuple[str, ...]]:
        """The arguments of each directive outside of blocks."""
        return {line.words[0]: line.words[1:] for line in parse(self.dumped, folder_of(self.site))}

    @cached_property
    def own(self) -> dict[str, str]:
        """Kinds of the operator's directives that work against the site, by what is to be said of each."""
        return dict(findings(self.dumped, self.site))

    @cached_property
    def loaded(self) -> Nginx:
        """The same, with the modules that NGINX loads."""
        return only_loaded(self.build, self.tested)[0]

    @cached_property
    def folder(self) -> Path:
        """The folder of `config --write`. Raises Skipped where no include leads there."""
        found = _ROOT_HTTP.search(self.dumped)
        if found is None:
            raise Skipped("NGINX's configuration does not include xaccel's http.conf")
        return Path(found[1])

    @cached_property
    def prefix(self) -> Path:
        """The folder that relative paths of the configuration begin in."""
        given = re.search(r"(?:^|\n)-p\n?(.+)", "\n".join(self.options))
        return Path(given[1] if given else self.built_with("--prefix") or "/")

    def built_with(self, option: str) -> str:
        """Return the value of an argument of NGINX's configure script."""
        done = subprocess.run([self.nginx, "-V"], capture_output=True, text=True, check=False, timeout=10)
        found = re.search(rf"(?<= ){re.escape(option)}=(\S+)", done.stderr)
        return found[1] if found else ""

    @cached_property
    def master(self) -> int:
        """The process id of the running NGINX. Raises Skipped where its pid file is empty or not there."""
        name = self.main.get("pid", (self.built_with("--pid-path") or "logs/nginx.pid",))[0]
        try:
            return int((self.prefix / name).read_text())
        except (OSError, ValueError) as error:
            raise Skipped(f"no process id in {self.prefix / name}") from error

    @cached_property
    def workers(self) -> Identity:
        """The user and the groups of the workers. Raises Skipped for a user that is not known."""
        default = (self.built_with("--user") or "nobody",)
        found = identity_of(*self.main.get("user", default)[:2])
        if found is None:
            raise Skipped("the user of NGINX's workers is not known")
        return found

    @property
    def log(self) -> Path | None:
        """The log of transfers; None where its place is not known."""
        path = Path(self.site.transfer_log)
        return path if path.is_absolute() else self.prefix / path if self.nginx else None

    # The front door

    @cached_property
    def door(self) -> Door:
        """Where the site is. Raises Skipped where that is not known."""
        for url in (self.url, self.download):
            if url.startswith(("http://", "https://")):
                return door_at(url)
        if self.nginx and self.tested.returncode == 0:
            for found in filter(None, map(door_of, paths_to("server", (self.http,)))):
                return found
        raise Skipped("the address of the site is not known; --url https://app.example names it")

    @cached_property
    def shown_digest(self) -> Reply:
        """The response of the running NGINX about its settings. Raises OSError."""
        return self.door.ask("GET", digest_path(self.site))

    @cached_property
    def is_served(self) -> bool:
        """True if the NGINX at `url` is that of `xaccel serve`."""
        try:
            return bool(self.url and self.running and self.running[3])
        except (OSError, HTTPException):
            return False

    @property
    def running(self) -> re.Match[str] | None:
        """The digest and the version of the running NGINX; None where it does not know the site."""
        reply = self.shown_digest
        text = reply.body[:200].decode("latin-1")
        return _DIGEST.fullmatch(text) if reply.status == 200 else None

    @cached_property
    def target(self) -> str:
        """Path and query of the download. Raises Skipped where none is named."""
        if not self.download:
            raise Skipped("no download is named; --download /files/42 names one that this client may have")
        parts = urlsplit(self.download)
        return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"

    def fetch(self, method: str = "GET", **headers: str) -> Reply:
        """Request the download. Underscores in the names of `headers` are dashes. Raises Skipped and OSError."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.door.ask(method, self.target, {**self.headers, **more})

    @cached_property
    def fetched(self) -> Reply:
        """The download as it came."""
        return self.fetch()

    # What is printed

    def shown(self, text: str) -> str:
        """Return a text without secrets, queries of URLs and characters that steer a terminal."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = _QUERY.sub(r"\1?***", text)
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)

    @property
    def _secrets(self) -> list[str]:
        found = [*self.headers.values()]
        with suppress(XaccelError, OSError):
            site = None if self.config else self.site
            for origin in site.origins.values() if site else ():
                names = ("secret_key", "session_token", "access_key")
                found += [getattr(origin, name, None) or "" for name in names]
                found += getattr(origin, "request_headers", {}).values()
            found += [*site.secrets, digest_path(site).rpartition("/")[2]] if site else []
        return sorted(filter(None, found), key=len, reverse=True)
