"""The things that the checks look at, each once: the site, NGINX's configuration, the front door, one download."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from xaccel.commands.command import FindObject
from xaccel.commands.printing import escape
from xaccel.errors import XaccelError
from xaccel.http_client.exchange import Exchange, at_most
from xaccel.site import Site
from xaccel.site.origins import CREDENTIALS
from xaccel.site.rules import is_address
from xaccel.tools.doctor.location import App, FrontDoor, Location, app_at, app_of, front_door_of, location_of
from xaccel.tools.doctor.own_directives import dump, paths_to
from xaccel.tools.lint.reading import parse
from xaccel.tools.lint.tree import Line, http_of, lines_of
from xaccel.tools.nginx import Nginx, probe
from xaccel.tools.nginx.digest import SERVED, digest_path
from xaccel.tools.nginx.grants import folders
from xaccel.tools.nginx.processes import Account, workers_of

_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_SERVED = "`xaccel serve` runs the NGINX of this site, from a temporary folder"
_ROOT_HTTP = re.compile(r"^# configuration file (.+)/http\.conf:\n# For hand-off protocol", re.MULTILINE)
_NO_NGINX = "this is not NGINX's host; --nginx PATH names its program"
_DIGEST = re.compile(
    rf"(?P<digest>[0-9a-f]{{16}}) \d+ (?P<version>[\d.]+)(?P<served>{SERVED})?"
    r"(?: pid=(?P<pid>\d+))?(?: for=(?P<client>\S+) by=(?P<by>.*))?",
    re.DOTALL,
)
_DIGEST_BYTES = 2000
_DENIED = re.compile(r"\(13: Permission denied\)")
_TURNS = 4
"""Requests that show whether the site's address leads to several NGINX."""
MOST_TIMEOUTS = 6
"""How often all checks together may take the time of one."""
OF_NGINX = re.compile(r"nginx|openresty|angie|freenginx")
"""The beginning of its header Server."""
LIMITED = (429, 503)
"""Statuses of a limit."""


class Skipped(Exception):
    """A check cannot be made here, or there is nothing to look at. The message says why."""


def digest_in(reply: Exchange) -> re.Match[str] | None:
    """Return digest and version of a response; None if it is not of an NGINX that knows the site."""
    return _DIGEST.fullmatch(reply.body[:_DIGEST_BYTES].decode("latin-1")) if reply.status == 200 else None


@contextmanager
def _unchanged(paths: Sequence[Path]) -> Iterator[None]:
    """Restore folders afterwards: `nginx -T` by root creates that of a cache, or changes its owner."""
    before = {path: path.stat() if path.exists() else None for path in paths}
    try:
        yield
    finally:
        for path, status in before.items():
            with suppress(OSError):  # another process may have replaced it
                now = path.stat()
                if status is None:
                    path.rmdir()
                elif os.path.samestat(status, now):
                    if now.st_uid != status.st_uid:
                        os.chown(path, status.st_uid, -1)
                    if now.st_mode != status.st_mode:
                        path.chmod(stat.S_IMODE(status.st_mode))


@dataclass(kw_only=True, eq=False)
class RunningSite:
    """A site with the NGINX in front of it. Facts are found out when the first check needs them.

    nginx: the program; empty where this machine is not NGINX's host. options: for its prefix and configuration.
    has_app: whether this machine is the app's host.
    url: the front door; empty: the first `listen` of the server that includes server.conf. ca_file: the authorities
    of its certificate; None: those of this machine. download: path of one download, for `headers` (a cookie, for
    example). named: origin and key of an object to look at.
    leads_below: whether the app has URLs below a path; None: not known.
    find_object: returns origin and key of a transfer or a member, if the audit trail has it.
    timeout_s: for the requests of one check.
    broken: origins with the check that they failed. refused: responses to a download that began before.
    """

    read_site: Callable[[], Site]
    nginx: str = ""
    has_app: bool = True
    options: Sequence[str] = ()
    without: Sequence[str] = ()
    write_addresses: bool = False
    url: str = ""
    ca_file: str | None = None
    download: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, str] | None = None
    leads_below: Callable[[str], bool] | None = None
    find_object: FindObject = field(default=lambda *_: None)
    timeout_s: float = 10.0
    broken: dict[str, str] = field(default_factory=dict, init=False)
    refused: list[Exchange] = field(default_factory=list, init=False)
    began: float = field(default_factory=time.monotonic, init=False)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Bound the requests of one check together. Raises TimeoutError after the end of the time of all checks."""
        most_s = MOST_TIMEOUTS * self.timeout_s
        left = self.began + most_s - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not done: the checks took {most_s:.0f} s. `--timeout` gives them more")
        with at_most(min(self.timeout_s, left)):
            yield

    @cached_property
    def site(self) -> Site:
        """Raises ConfigErrors and ConfigError."""
        return self.read_site()

    def require(self, where: str) -> None:
        """Raise Skipped for a check that must run elsewhere."""
        if where == "NGINX's host" and (not self.nginx or self.is_served):
            raise Skipped(_SERVED if self.nginx else _NO_NGINX)
        if where == "the app's host" and not self.has_app:
            raise Skipped("this is not the app's host")

    # NGINX on disk

    def probe_nginx(self) -> Nginx:
        """Return version and modules of the program. Raises Skipped elsewhere than on NGINX's host, and NginxError."""
        if not self.nginx:
            raise Skipped(_NO_NGINX)
        njs, headers_more = (name not in self.without for name in ("njs", "headers-more"))
        return probe(self.nginx, njs=njs, headers_more=headers_more)

    build = cached_property(probe_nginx)

    @cached_property
    def tested(self) -> subprocess.CompletedProcess[str]:
        """The result of `nginx -T`. Raises Skipped without the right to read the configuration."""
        if not self.nginx:
            raise Skipped(_NO_NGINX)
        with _unchanged(self._cache_folders()):
            done = dump([self.nginx, *self.options])
        if done.returncode != 0 and _DENIED.search(done.stderr) and os.geteuid() != 0:
            raise Skipped("`nginx -T` may not read NGINX's configuration: run as root")
        return done

    def _cache_folders(self) -> list[Path]:
        """Return the folders of caches that the settings name."""
        with suppress(XaccelError, OSError):
            paths = [Path(self.site.cache.path)] if self.site.cache else []
            paths += folders(self.site) if self.site.grants else ()
            return [path for path in paths if path.is_absolute()]
        return []

    @property
    def dumped(self) -> str:
        """The configuration on disk. Raises Skipped where NGINX refuses it."""
        if self.tested.returncode != 0:
            raise Skipped("NGINX refuses its configuration, and does not print it")
        return self.tested.stdout

    @cached_property
    def main(self) -> tuple[Line, ...]:
        """The configuration on disk."""
        return parse(self.dumped, self.site.folder)

    @property
    def http(self) -> tuple[Line, ...]:
        """The content of `http { }` on disk."""
        return http_of(self.main)

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
        return Path(given[1] if given else self.built_with.get("--prefix", "/"))

    @cached_property
    def built_with(self) -> dict[str, str]:
        """The arguments of NGINX's configure script."""
        done = subprocess.run([self.nginx, "-V"], capture_output=True, text=True, check=False, timeout=10)
        return dict(re.findall(r" (--[\w-]+)=(\S+)", done.stderr))

    def main_value(self, name: str, option: str, default: str) -> tuple[str, ...]:
        """Return the arguments of a directive outside of blocks, else what NGINX was built with."""
        found = (line.words[1:] for line in lines_of(name, self.main))
        return next(found, (self.built_with.get(option, default),))

    @cached_property
    def master(self) -> int:
        """The process id of the running NGINX. Raises Skipped where its pid file is empty or not there."""
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError) as error:
            raise Skipped(f"no process id in {self.pid_file}") from error

    @property
    def pid_file(self) -> Path:
        """Where the master process wrote its id."""
        return self.prefix / self.main_value("pid", "--pid-path", "logs/nginx.pid")[0]

    @cached_property
    def workers(self) -> Account:
        """The account of the running workers, else that of the configuration. Raises Skipped."""
        with suppress(Skipped):
            running = [one for one in workers_of(self.master) if "worker process" in one.title]
            if running:
                return running[0].account
        user, group = (*self.main_value("user", "--user", "nobody"), "")[:2]
        try:
            return Account.named(user, group)
        except KeyError as error:
            raise Skipped(f"the user or group of NGINX's workers is not known here: {error}") from error

    def may(self, account: Account, path: Path, right: str) -> bool:
        """Tell whether an account has a right to a path: one of the options -r, -w and -x of `test`.

        Raises Skipped without the permission to try it.
        """
        if account.uid == os.geteuid() != 0:
            return subprocess.run(["test", right, path], check=False).returncode == 0
        try:
            done = subprocess.run(
                ["test", right, path],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                check=False,
            )
        except PermissionError as error:
            raise Skipped(f"this user may not try what the user {account.name} may: run as root") from error
        return done.returncode == 0

    @property
    def log(self) -> Path:
        """The log of transfers. Raises Skipped where its place is not known."""
        return self._placed(self.site.transfer_log, "TRANSFER_LOG")

    @property
    def logs(self) -> list[Path]:
        """The log of transfers, and that of members of archives. Raises Skipped as `log` does."""
        archives = self.site.archives
        members = [self._placed(archives.log, 'ARCHIVES["log"]')] if archives else []
        return [self.log, *members]

    def _placed(self, name: str, setting: str) -> Path:
        path = Path(name)
        if not self.nginx and not path.is_absolute():
            raise Skipped(f"NGINX's log is known only on NGINX's host, or from an absolute {setting}")
        return path if path.is_absolute() else self.prefix / path

    # The front door

    @cached_property
    def front_door(self) -> FrontDoor:
        """Where the site is. Raises Skipped where that is not known."""
        for url in (self.url, self.download):
            if url.startswith(("http://", "https://")):
                return FrontDoor.at(url, self.ca_file)
        if own := self._nginx_itself():
            return own
        raise Skipped("the address of the site is not known; --url https://app.example names it")

    def _nginx_itself(self) -> FrontDoor | None:
        has_http = self.nginx and self.tested.returncode == 0
        doors = map(front_door_of, paths_to("server", self.http) if has_http else ())
        own = next(filter(None, doors), None)
        return replace(own, ca_file=self.ca_file) if own else None

    @cached_property
    def is_elsewhere(self) -> bool:
        """True if the site's address leads to another NGINX than this machine's, or to several by turns."""
        with suppress(Skipped, OSError, HTTPException):
            workers = {str(one.pid) for one in workers_of(self.master)} if self.nginx else set()
            replies = (self.front_door.ask("GET", digest_path(self.site)) for _ in range(_TURNS))
            pids = {found["pid"] for found in map(digest_in, replies if workers else ()) if found}
            return bool(pids - workers - {None})
        return False

    @cached_property
    def behind(self) -> RunningSite | None:
        """The same site at NGINX's own address; None if that is the front door, or not known. Raises Skipped."""
        own = self._nginx_itself()
        if own is None or own.address == self.front_door.address:
            return None
        parts, host = urlsplit(own.url), urlsplit(self.front_door.url).hostname or ""
        if parts.hostname in (own.address[0], "localhost") and not is_address(host):
            port = f":{parts.port}" if parts.port else ""  # it has no name: use that of the site
            own = replace(own, url=f"{parts.scheme}://{host}{port}")
        made = copy(self)
        for name in ("shown_digest", "is_elsewhere", "fetched", "location", "app", "from_app"):
            made.__dict__.pop(name, None)
        made.front_door = own
        return made

    @cached_property
    def shown_digest(self) -> Exchange:
        """The response of the running NGINX about its settings. Raises OSError."""
        return self.front_door.ask("GET", digest_path(self.site))

    @cached_property
    def is_served(self) -> bool:
        """True if the NGINX at `url` is that of `xaccel serve`."""
        with suppress(OSError, HTTPException):
            return bool(self.url and self.running and self.running["served"])
        return False

    @property
    def running(self) -> re.Match[str] | None:
        """The digest and the version of the running NGINX; None where it does not know the site."""
        return digest_in(self.shown_digest)

    @cached_property
    def target(self) -> str:
        """Path and query of the download. Raises Skipped where none is named."""
        if not self.download:
            raise Skipped("no download is named; --download /files/42 names one that this client may have")
        return urlsplit(self.download)._replace(scheme="", netloc="", fragment="").geturl() or "/"

    def fetch(self, method: str = "GET", **headers: str) -> Exchange:
        """Request the download. Underscores in the names of `headers` are dashes. Raises Skipped and OSError."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.front_door.ask(method, self.target, {**self.headers, **more})
        if reply.status in LIMITED:
            self.refused.append(reply)
            raise Skipped(f"the request was refused with status {reply.status}: see XA622")
        return reply

    @cached_property
    def fetched(self) -> Exchange:
        """The download as it came."""
        return self.fetch()

    @cached_property
    def location(self) -> Location | None:
        """The location of NGINX's configuration on disk that gets the download; None where that is not known."""
        if self.is_elsewhere:
            return None
        with suppress(Skipped):
            return location_of(self.http, self.front_door, self.target)
        return None

    @cached_property
    def app(self) -> App | None:
        """The app behind it; None where NGINX's configuration does not say."""
        if self.location is None:
            return None
        grants = self.site.grants
        if grants and self.target.startswith(
            grants.paths
        ):  # a location of server.conf, which is not in `http`
            return app_at(self.location, grants.app)
        return app_of(self.http, self.location)

    @cached_property
    def from_app(self) -> Exchange | None:
        """The app's own response to the download, without NGINX; None where the app is not known.

        The app may record it as a download that was not sent. So it is requested only if the download fails.
        """
        return self.app.ask(self.front_door, self.target, self.headers) if self.app else None

    # What is printed

    def shown(self, text: str) -> str:
        """Return a text without secrets, queries of URLs and characters that steer a terminal."""
        secrets = [*self.headers.values()]
        with suppress(XaccelError, OSError):
            for origin in self.site.origins.values():
                secrets += [getattr(origin, name, None) or "" for name in CREDENTIALS]
                secrets += getattr(origin, "request_headers", {}).values()
            secrets += [*self.site.secrets, digest_path(self.site).rpartition("/")[2]]
        for secret in sorted(filter(None, map(str.strip, secrets)), key=len, reverse=True):
            text = text.replace(secret, "***")
        return escape(_QUERY.sub(r"\1?***", text))
