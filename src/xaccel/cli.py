"""The commands `python -m xaccel` and `manage.py xaccel`: print the NGINX text of a site."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from xaccel import site_mapping
from xaccel.errors import ConfigError, NginxError, XaccelError
from xaccel.nginx import Nginx, Parts, emit, probe, render, standalone
from xaccel.nginx.fetch import strength
from xaccel.nginx.probe import require_supported
from xaccel.nginx.render import SCRIPT
from xaccel.site import Site

PARTS = ("http", "server", "app")
_MODULES = ("njs", "headers-more")


def add_arguments(parser: argparse.ArgumentParser, *, file: bool) -> None:
    """Add the subcommands to `parser`; `file` for a command that reads the site from a TOML file."""
    commands = parser.add_subparsers(dest="xaccel_command", required=True, metavar="COMMAND")
    config = commands.add_parser(
        "config",
        help="print the NGINX configuration of the site",
        description="Print the NGINX configuration of the site: three parts to include in your own, or a whole file."
        " The text holds the site's secret and the fixed request headers of origins: keep it as readable as a key.",
    )
    if file:
        config.add_argument("file", metavar="FILE.toml", help="the site, in the keys of settings.XACCEL")
    config.add_argument(
        "--part",
        choices=PARTS,
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
    config.add_argument(
        "--nginx", metavar="PATH", help="ask this binary what it can do (default: nginx on the PATH)"
    )
    config.add_argument("--nginx-version", metavar="X.Y.Z", help="instead of asking a binary")
    config.add_argument(
        "--module",
        action="append",
        default=[],
        choices=_MODULES,
        help="with --nginx-version: a module it has",
    )
    config.add_argument(
        "--without",
        action="append",
        default=[],
        choices=_MODULES,
        help="print as if this module were not there",
    )


def run(args: argparse.Namespace, site: Site) -> None:
    """Carry out the parsed command for `site`.

    Raises XaccelError, one of its kinds, for what is wrong with the site or the NGINX.
    """
    nginx = _nginx(args)
    print(
        f"xaccel: for NGINX {'.'.join(map(str, nginx.version))}; the store's headers are hidden by {strength(nginx)}",
        file=sys.stderr,
    )
    if args.standalone:
        text = standalone(site, nginx, listen=args.listen, app=args.app, root_user=args.user)
        sys.stdout.write(text)
    elif args.write:
        _write(site, nginx, Path(args.write))
    else:
        parts = render(site, nginx)
        sys.stdout.write("\n".join(_part(parts, name) for name in ([args.part] if args.part else PARTS)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m xaccel`; return the exit status."""
    parser = argparse.ArgumentParser(prog="xaccel", description="Your app decides, NGINX delivers.")
    add_arguments(parser, file=True)
    args = parser.parse_args(argv)
    try:
        run(args, _read(args.file))
    except XaccelError as error:
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


def _nginx(args: argparse.Namespace) -> Nginx:
    wanted = {name: name not in args.without for name in _MODULES}
    if args.nginx_version is None:
        binary = (
            args.nginx or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        )
        if binary is None:
            raise NginxError(
                "there is no nginx on the PATH",
                where="--nginx",
                remedy="Give its path, or --nginx-version 1.26.3 and --module njs for the one on another machine.",
            )
        return probe(binary, njs=wanted["njs"], headers_more=wanted["headers-more"])
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
    return Nginx(version=version, njs=present["njs"], headers_more=present["headers-more"])


_HEADINGS = {
    "http": "Inside http { }: include it once.",
    "server": "Inside each server { } that sends downloads.",
    "app": "Inside each location { } that proxies to the app.",
}


def _part(parts: Parts, name: str) -> str:
    return f"# xaccel-{name}.conf. {_HEADINGS[name]}\n{emit(getattr(parts, name))}"


def _write(site: Site, nginx: Nginx, folder: Path) -> None:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / SCRIPT.name
    parts = render(site, nginx, script=str(script))
    texts = {f"xaccel-{name}.conf": _part(parts, name) for name in PARTS}
    if nginx.njs:
        texts[script.name] = SCRIPT.read_text(encoding="utf-8")
    for name, text in texts.items():
        _replace(folder / name, text, mode=0o644 if name == script.name else 0o600)
        print(folder / name)


def _replace(path: Path, text: str, *, mode: int) -> None:
    fresh = path.with_suffix(f"{path.suffix}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
