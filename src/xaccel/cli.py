"""The commands `python -m xaccel` and `manage.py xaccel`: print the NGINX text of a site, and keep it fresh."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xaccel import site_mapping
from xaccel.errors import ConfigError, NginxError, OptionRefused, XaccelError
from xaccel.explain import ask_store, line_of
from xaccel.nginx import Nginx, advisories, files, probe, render, standalone
from xaccel.nginx.fetch import strength
from xaccel.nginx.probe import require_supported
from xaccel.site import Site

_MODULES = ("njs", "headers-more")
_FILTERS = ("gunzip", "gzip-static")


def add_arguments(parser: argparse.ArgumentParser, *, file: bool) -> None:
    """Add the subcommands to `parser`; `file` for a command that reads the site from a TOML file."""
    commands = parser.add_subparsers(dest="xaccel_command", required=True, metavar="COMMAND")
    config = commands.add_parser(
        "config",
        help="print the NGINX configuration of the site",
        description="Print the NGINX configuration of the site: three parts to include in your own, or a whole file."
        " The text holds the site's secret and the fixed request headers of origins: keep it as readable as a key.",
    )
    refresh = commands.add_parser(
        "refresh",
        help="look the origins' addresses up again and reload NGINX if they changed",
        description="Write the files of `config --write DIR` again. Where one changed and `nginx -t` accepts it, NGINX"
        " is reloaded; where it does not, the old files come back. For an NGINX before 1.27.3, which cannot follow DNS"
        " itself: run it every few minutes.",
    )
    _add_explain(commands, file=file)
    for command in (config, refresh):
        if file:
            command.add_argument("file", metavar="FILE.toml", help="the site, in the keys of settings.XACCEL")
        _add_build_arguments(command)
    refresh.add_argument(
        "--write", metavar="DIR", required=True, help="the folder that `config --write` wrote"
    )
    refresh.add_argument(
        "--nginx-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="passed to nginx before -t and before -s reload, for example --nginx-option=-p/srv/nginx/",
    )
    config.add_argument(
        "--part",
        choices=files.PARTS,
        help="print one part only: http level, server level, location that proxies to the app",
    )
    config.add_argument(
        "--write", metavar="DIR", help="write xaccel-http.conf, -server.conf, -app.conf and xaccel.js"
    )
    config.add_argument("--standalone", action="store_true", help="print a whole nginx.conf")
    config.add_argument("--listen", default="127.0.0.1:8080", help="with --standalone (default %(default)s)")
    config.add_argument(
        "--app", default="127.0.0.1:8000", help="with --standalone: the app server (default %(default)s)"
    )
    config.add_argument(
        "--user", help="with --standalone, for a master that runs as root: user of the workers"
    )


def _add_explain(commands: Any, *, file: bool) -> None:
    explain = commands.add_parser(
        "explain",
        help="say why a download failed, and ask the store once",
        description="Show the line of a transfer, and ask the store from this machine for the first byte of its object."
        " The line does not hold the object key: give it, unless the app can find it.",
    )
    if file:
        explain.add_argument("file", metavar="FILE.toml", help="the site, in the keys of settings.XACCEL")
    explain.add_argument(
        "transfer_id", metavar="TRANSFER-ID", help="`id` of the line; the app's log has it too"
    )
    explain.add_argument("--log", metavar="FILE", help="NGINX's JSON line log (default: the site's)")
    explain.add_argument("--origin", metavar="NAME", help="origin of the object (default: the line's)")
    explain.add_argument("--key", metavar="KEY", help="object key (default: what the app finds)")


def _add_build_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--nginx", metavar="PATH", help="ask this binary what it can do (default: nginx on the PATH)"
    )
    parser.add_argument("--nginx-version", metavar="X.Y.Z", help="instead of asking a binary")
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        choices=_MODULES + _FILTERS,
        help="with --nginx-version: a module it has",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=_MODULES,
        help="print as if this module were not there",
    )
    parser.add_argument(
        "--resolve",
        action="store_true",
        help="write addresses instead of names of origins (always done for an NGINX before 1.27.3)",
    )


FindObject = Callable[[str], tuple[str, str] | None]
"""From a transfer id to origin and object key, as the app recorded them."""


def run(args: argparse.Namespace, site: Site, find_object: FindObject | None = None) -> None:
    """Carry out the parsed command for `site`. `find_object` knows what `explain` is not told.

    Raises XaccelError, one of its kinds, for what is wrong with the site or the NGINX.
    """
    if args.xaccel_command == "explain":
        _explain(args, site, find_object)
        return
    nginx = _nginx(args)
    print(
        f"xaccel: for NGINX {'.'.join(map(str, nginx.version))}; the store's headers are hidden by {strength(nginx)}",
        file=sys.stderr,
    )
    known = advisories.warnings(nginx)
    for warning in known:
        print(f"xaccel: warning: {warning}", file=sys.stderr)
    if known:
        print(
            "xaccel: warning: a distribution may have mended it under this number: see its notices",
            file=sys.stderr,
        )
    if args.xaccel_command == "refresh":
        changed = files.refresh(
            files.texts(site, nginx, Path(args.write), write_addresses=args.resolve),
            [args.nginx or find_nginx(), *args.nginx_option],
        )
        print(
            f"reloaded: {', '.join(path.name for path in changed)} changed" if changed else "nothing changed"
        )
    elif args.standalone:
        parts = render(site, nginx, write_addresses=args.resolve)
        text = standalone(site, nginx, listen=args.listen, app=args.app, root_user=args.user, parts=parts)
        sys.stdout.write(text)
    elif args.write:
        for path in files.write(files.texts(site, nginx, Path(args.write), write_addresses=args.resolve)):
            print(path)
    else:
        parts = render(site, nginx, write_addresses=args.resolve)
        chosen = [args.part] if args.part else files.PARTS
        sys.stdout.write("\n".join(files.part_text(parts, name) for name in chosen))


def _explain(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    log = Path(args.log or site.log_path)
    try:
        line = line_of(args.transfer_id, log)
    except OSError as error:
        print(f"line: {log} cannot be read ({error.strerror})")
        line = None
    else:
        print(f"line: {json.dumps(line)}" if line else f"line: none in {log}")
    recorded = find_object(args.transfer_id) if find_object is not None and args.key is None else None
    origin = args.origin or (recorded[0] if recorded else line["origin"] if line else None)
    key = args.key or (recorded[1] if recorded else None)
    if origin is None or key is None:
        raise OptionRefused(
            "which object it was is not known",
            where="explain",
            remedy="Give --origin and --key: the line holds no object key.",
        )
    finding = ask_store(site, origin, key)
    print(f"store: {finding.code or 'delivers'}")
    print(f"remedy: {finding.remedy}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m xaccel`; return the exit status."""
    parser = argparse.ArgumentParser(prog="xaccel", description="Your app decides, NGINX delivers.")
    add_arguments(parser, file=True)
    args = parser.parse_args(argv)
    try:
        run(args, _read(args.file))
    except (XaccelError, OSError) as error:
        print(f"xaccel: {error}", file=sys.stderr)
        return 1
    return 0


def _read(file: str) -> Site:
    try:
        mapping = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"it cannot be read ({error})",
            where=file,
            remedy="Give a TOML file with the keys of settings.XACCEL.",
        ) from error
    return site_mapping.read(mapping, file)


def find_nginx() -> str:
    """Return the nginx on the PATH, or where systems put it.

    Raises NginxError where there is none.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NginxError(
            "there is no nginx on the PATH",
            where="--nginx",
            remedy="Give its path, or --nginx-version 1.26.3 and --module njs for the one on another machine.",
        )
    return found


def _nginx(args: argparse.Namespace) -> Nginx:
    wanted = {name: name not in args.without for name in _MODULES}
    if args.nginx_version is None:
        return probe(args.nginx or find_nginx(), njs=wanted["njs"], headers_more=wanted["headers-more"])
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", args.nginx_version)
    if match is None:
        raise NginxError(
            f"{args.nginx_version!r} is not a version",
            where="--nginx-version",
            remedy="Write it like 1.26.3.",
        )
    version = (int(match[1]), int(match[2]), int(match[3]))
    require_supported(version)
    present = {name: wanted[name] and name in args.module for name in _MODULES}
    return Nginx(
        version=version,
        njs=present["njs"],
        headers_more=present["headers-more"],
        gunzip="gunzip" in args.module,
        gzip_static="gzip-static" in args.module,
    )
