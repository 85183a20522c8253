"""The programs of `xaccel run`: NGINX, the app server and `ingest`, and the folder that has NGINX's files."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xaccel.errors import NginxError
from xaccel.site import Site
from xaccel.site.rules import is_app_server
from xaccel.tools.nginx import probe, render, standalone
from xaccel.tools.nginx.emit import Directive, directive
from xaccel.tools.nginx.own_folder import in_own_folder, with_digest_of
from xaccel.tools.nginx.probe import require
from xaccel.tools.run.supervisor import Program

TRANSFER_LOG = "xaccel.log"
MAX_LOG_BYTES = 64_000_000
KEPT_LOGS = 16
_CONFIG = "nginx.conf"
_STDOUT = "/dev/stdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How NGINX runs. folder: has all its files, and nothing else is written.

    listen: "address:port". app: "address:port" or "unix:/path", where the app server listens. user: of the workers, if
    this process is root. proxies: networks whose X-Forwarded-For and X-Forwarded-Proto are right. drain_s: seconds that
    downloads may take when NGINX is stopped. keeps_log: whether the transfer log is a file that `ingest` reads.
    """

    binary: str
    folder: Path
    listen: str
    app: str
    user: str
    proxies: Sequence[str] = ()
    drain_s: float = 25.0
    keeps_log: bool = False

    def write(self, site: Site) -> None:
        """Write NGINX's configuration, and let NGINX check it. Raises NginxError in NGINX's own words."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self.folder.chmod(0o711)  # the workers are of another user
        config = self.folder / _CONFIG
        config.touch(mode=0o600)  # it has the site's secret
        config.chmod(0o600)
        config.write_text(self._text(site))
        require([*self._command(), "-t"])

    def program(self) -> Program:
        """Return NGINX, which finishes downloads when it is stopped."""
        return Program(
            name="nginx",
            command=self._command(),
            stop=signal.SIGQUIT,
            within_s=self.drain_s,
            ready=self._is_ready,
        )

    def rotate(self) -> bool:
        """Rename a transfer log that has grown; `ingest` finds it. Tell whether NGINX must open a new one."""
        log = self.folder / TRANSFER_LOG
        with suppress(FileNotFoundError):
            if log.stat().st_size < MAX_LOG_BYTES:
                return False
            for number in range(KEPT_LOGS, 0, -1):
                older = log if number == 1 else log.with_name(f"{log.name}.{number - 1}")
                with suppress(FileNotFoundError):
                    older.rename(log.with_name(f"{log.name}.{number}"))
            return True
        return False

    def _command(self) -> list[str]:
        return [self.binary, "-p", f"{self.folder}/", "-c", _CONFIG, "-e", "stderr"]

    def _is_ready(self) -> bool:
        host, _, port = self.listen.rpartition(":")
        return _accepts(f"{host if host.strip('[]*:0.') else '127.0.0.1'}:{port}")

    def _text(self, site: Site) -> str:
        transfer_log = TRANSFER_LOG if self.keeps_log else _STDOUT
        grants = str(self.folder / "grants")
        served = in_own_folder(site, app=self.app, transfer_log=transfer_log, grants=grants)
        nginx = probe(self.binary)
        if self.proxies and "realip" not in nginx.modules:
            remedy = "Use another NGINX, or leave --trusted-proxy out."
            raise NginxError("this NGINX lacks the module `realip`", where="--trusted-proxy", remedy=remedy)
        return standalone(
            served,
            nginx,
            listen=self.listen,
            app=self.app,
            root_user=self.user if os.geteuid() == 0 else None,
            root_group=_group_of(self.user) if os.geteuid() == 0 else None,
            workers="auto",
            error_log="stderr",
            access_log=_STDOUT,
            extra_http=_real_addresses(self.proxies),
            parts=with_digest_of(site, served, render(served, nginx)),
        )


def app_program(command: Sequence[str], app: str, environ: Mapping[str, str]) -> Program:
    """Return the app server, which is ready when it listens at `app`.

    environ: of this process. The environment says where to listen: PORT, GUNICORN_CMD_ARGS, UVICORN_HOST, UVICORN_PORT
    and UVICORN_UDS, FLASK_RUN_PORT; XACCEL_APP has the address as it is.
    """
    address = {"XACCEL_APP": app}
    bind = environ.get("GUNICORN_CMD_ARGS", "")
    if "bind" not in bind:
        address["GUNICORN_CMD_ARGS"] = f"--bind {app} {bind}".strip()
    if app.startswith("unix:"):
        address["UVICORN_UDS"] = app.removeprefix("unix:")
    else:
        host, _, port = app.rpartition(":")
        address |= {
            "PORT": port,
            "UVICORN_HOST": host.strip("[]"),
            "UVICORN_PORT": port,
            "FLASK_RUN_PORT": port,
        }
    return Program(name="app", command=command, ready=lambda: _accepts(app), environ=address)


def ingest_program(project: Sequence[str], front: Front) -> Program:
    """Return `ingest`, which reads the log to its end when it is stopped. project: the words before its name."""
    command = [*project, "ingest", str(front.folder / TRANSFER_LOG), "--follow", "--quiet"]
    return Program(name="ingest", command=command)


def require_free(address: str, where: str) -> None:
    """Raise NginxError if a program accepts connections at an address already, or if it is not an address."""
    if not is_app_server(address):
        remedy = 'For example "127.0.0.1:8000" or "unix:/run/app.sock".'
        raise NginxError(f"{address!r} is not an address", where=where, remedy=remedy)
    if _accepts(address):
        remedy = f"Stop it, or choose another address with {where}."
        raise NginxError(f"another program listens on {address}", where=where, remedy=remedy)


def _group_of(user: str) -> str:
    """Return the name of a user's group. Raises NginxError for an unknown user."""
    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError as error:
        remedy = "Name one that exists."
        raise NginxError(f"there is no user {user!r}", where="--user", remedy=remedy) from error


def _real_addresses(proxies: Iterable[str]) -> list[Directive]:
    found = [directive("set_real_ip_from", each) for each in proxies]
    if found:
        found += [directive("real_ip_header", "X-Forwarded-For"), directive("real_ip_recursive", "on")]
    return found


def _accepts(address: str) -> bool:
    """Tell whether a program accepts connections at "address:port" or "unix:/path"."""
    with suppress(OSError):
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(address.removeprefix("unix:"))
                return True
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    return False
