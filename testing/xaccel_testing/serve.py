"""`xaccel serve`: run NGINX in front of a development server."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xaccel.commands.command import this_program
from xaccel.commands.printing import print_data, print_error, print_line
from xaccel.errors import NginxError, XaccelError
from xaccel.site import Site
from xaccel.site.read_mapping import SITE_FILE
from xaccel.tools.nginx import probe, render, standalone
from xaccel.tools.nginx.binaries import first_nginx
from xaccel.tools.nginx.digest import mark_of_doctor
from xaccel.tools.nginx.emit import directive, phrase
from xaccel.tools.nginx.own_folder import in_own_folder, with_digest_of
from xaccel_testing.as_nginx import filename_of
from xaccel_testing.servers.nginx_server import NginxServer, nginx_server

_LOG = "serve.log"
_FORMAT = (
    '{"end":$msec,"method":"$xaccel_client_method","uri":"$request_uri","status":"$status","bytes":$body_bytes_sent,'
    '"seconds":$request_time,"disposition":"$sent_http_content_disposition","why":"$xaccel_why",'
    '"denied":"$xaccel_denied"}'
)
_EVERY_S = 0.2
_FOLDER = "XACCEL_SERVE_FOLDER"


def run(args: argparse.Namespace, site: Site) -> None:
    """Run NGINX until Ctrl-C or until it ends. Raises XaccelError."""
    binary = args.nginx or first_nginx("serve")
    port = args.listen.rpartition(":")[2]
    if not port.isdigit():
        raise NginxError(
            f"{args.listen!r} has no port", where="--listen", remedy='For example "127.0.0.1:8080".'
        )
    if args.print:
        print_data([_configuration(args, site, binary)])
        return
    _require_free(args.listen, "--listen")
    for key, loopback in site.loopbacks.items():
        _require_free(loopback.listen, f'XACCEL["{key}"]["listen"]')
    # so that the folder is removed if a supervisor stops the command
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory(prefix="xaccel-serve-") as folder,
        _told(folder),
    ):
        text = _configuration(args, site, binary)
        with nginx_server(Path(folder), text, binary=binary, ready_port=int(port)) as server:
            print_line(f"NGINX listens on http://{args.listen}, in front of {args.app}. Ctrl-C ends it.")
            print_line(f"Transfer log, for `explain` and `trace`: {Path(folder, _transfer_log(args))}")
            print_line(f"To check the site: `xaccel doctor` with --url http://{args.listen}")
            for line in _missing_directories(site):
                print_line(line)
            _follow(args, server, text, mark_of_doctor(site))
            said = server.error_log.strip()[-2000:] or "(nothing)"
            raise NginxError("NGINX ended", where="serve", remedy=f"It says: {said}")


def _require_free(address: str, where: str) -> None:
    """Raise NginxError if another program listens there: NGINX would try five times, and log each one."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        socket.create_server((host.strip("[]*"), int(port)), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"another program listens on {address}"
            raise NginxError(what, where=where, remedy=f"Choose another port with {where}.") from error


def _missing_directories(site: Site) -> Iterator[str]:
    """Return a line for each origin whose directory is not there: its downloads look like refusals of the app."""
    for name, origin in site.directories.items():
        if not Path(origin.root).is_dir():
            yield f"There is no directory {origin.root}: until it exists, downloads from {name} get 404."


def _configuration(args: argparse.Namespace, site: Site, binary: str) -> str:
    """Return the configuration of the site, with log and cache below the folder of this NGINX."""
    served = in_own_folder(
        site,
        app=args.app,
        transfer_log=_transfer_log(args),
        access_logs=(f"{_LOG} xaccel_serve",),
        grants=_folder_of_grants(site),
    )
    nginx = probe(binary)
    parts = render(served, nginx)
    log_format = directive("log_format", "xaccel_serve", "escape=json", phrase(_FORMAT))
    parts = with_digest_of(site, served, replace(parts, http=(log_format, *parts.http)))
    # a worker of another user could not read the files of a developer who is root
    user = "root" if os.geteuid() == 0 else None
    return standalone(served, nginx, listen=args.listen, app=args.app, root_user=user, parts=parts)


@contextmanager
def _told(folder: str) -> Iterator[None]:
    """Let the process that reads changed settings (`--print`) know the folder of this NGINX."""
    os.environ[_FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[_FOLDER]


def _folder_of_grants(site: Site) -> str:
    folder = os.environ.get(_FOLDER)
    return f"{folder}/grants" if folder else site.grants_folder


def _transfer_log(args: argparse.Namespace) -> str:
    """Return the path of the transfer log; a relative one is below the temporary folder."""
    return str(Path(args.log).absolute()) if args.log else "xaccel.log"


def _follow(args: argparse.Namespace, server: NginxServer, text: str, mark: str) -> None:
    """Print the transfers, and load the configuration again if a file changed, until NGINX ends."""
    seen, rest = _changes(args), b""
    with (server.directory / _LOG).open("rb") as log:
        while server.server.exit_status is None:
            time.sleep(_EVERY_S)
            *lines, rest = (rest + log.read()).split(b"\n")
            for line in lines:
                print_line(_line(json.loads(line.decode(errors="replace")), mark))
            if (now := _changes(args)) != seen:
                seen, text = now, _reloaded(server, text)


def _changes(args: argparse.Namespace) -> dict[str, float]:
    """Return when the file of the site was changed, and each loaded module of a Django project."""
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    found: dict[str, float] = {}
    of_django = filter(None, [*modules, os.environ.get(SITE_FILE)])
    for path in [args.file] if hasattr(args, "file") else of_django:
        with suppress(OSError):
            found[path] = Path(path).stat().st_mtime
    return found


def _reloaded(server: NginxServer, text: str) -> str:
    """Return the configuration that is in force: a new process reads the settings, since this one has the old ones."""
    command = [*this_program(), *sys.argv[1:], "--print"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print_error(f"NGINX keeps its old configuration:\n{done.stderr.strip()}")
        return text
    if done.stdout == text:
        return text
    try:
        server.reload(done.stdout)
    except XaccelError as error:
        print_error(f"NGINX keeps its old configuration: {error}")
        return text
    except TimeoutError as error:
        print_error(f"The settings changed. {error}")
        return done.stdout
    print_line("The settings changed: NGINX has reloaded its configuration.")
    return done.stdout


def _line(entry: Mapping[str, Any], mark: str) -> str:
    """Return the line of a transfer. mark: the query of the doctor's requests for an internal path."""
    at = time.strftime("%H:%M:%S", time.localtime(entry["end"]))
    sent = f"{entry['bytes']:>11,} bytes in {entry['seconds']:.2f} s"
    # the app's 201 to an upload is no failure of an origin
    is_stored = entry["method"] == "PUT" and entry["status"].startswith("2")
    why = "" if is_stored else entry["why"] or entry["denied"]
    path, _, query = str(entry["uri"]).partition("?")
    name = filename_of(entry["disposition"]) or path
    if query == mark:
        why = "refused as it should be: xaccel doctor requested it"
    return f"{at}  {entry['method']:<4} {entry['status']}  {sent}  {name}{f'  ({why})' if why else ''}"
