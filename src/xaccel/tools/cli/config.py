"""`xaccel config` and `xaccel refresh`: write the NGINX configuration of a site, and keep it up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_data, print_error, print_line
from xaccel.errors import NginxError, XaccelError
from xaccel.site import Site
from xaccel.site.origins import S3Origin
from xaccel.tools.cli import nginx_arguments
from xaccel.tools.doctor.archives import is_taken
from xaccel.tools.nginx import Nginx, config_folder, render, standalone
from xaccel.tools.nginx.cache_folders import require_own_cache_folders
from xaccel.tools.nginx.grants import require_closed_folders

_SHOWN = "/etc/nginx/xaccel"
"""The folder whose files are shown without --write."""

_NO_SLICES = (
    'this NGINX lacks the module `slice`: set "slice": "0" in CACHE. Otherwise the app signs S3 URLs for as long as the'
    " slowest client would take, up to seven days, instead of for `expires_s`."
)

_CLASS_OF_ONE = (
    "CONCURRENCY allows one transfer: the next download on a new connection can get 429, since NGINX counts a transfer"
    " until a moment after its last byte. Allow two or more, unless your clients repeat."
)


def _run(args: argparse.Namespace, site: Site) -> None:
    if args.check:
        sys.exit(_check(args, site, Path(args.check)))
    nginx = nginx_arguments.nginx_of(args, site, loads_itself=args.standalone)
    if not args.standalone:
        nginx_arguments.warn(site.log_problems())
    if _lacks_slices(site, nginx):
        nginx_arguments.warn([_NO_SLICES])
    if 1 in site.concurrency.values():
        nginx_arguments.warn([_CLASS_OF_ONE])
    if args.write:
        nginx_arguments.warn(_taken(site))
        config_folder.require_same_build(site, Path(args.write))
        if not args.path:
            require_own_cache_folders(site)
        if site.grants is not None and not args.path:
            require_closed_folders(site)
        made = _made(args, site, nginx, args.write)
        # those for another folder are copied there, or committed
        paths = config_folder.write(made, Path(args.write), in_use=not args.path)
        _print_paths(paths, Path(args.write).resolve() / "engine")
        for path in config_folder.stale(made, site, Path(args.write)):
            if args.clean:
                path.unlink()
            what = "removed" if args.clean else "no longer needed (remove it with --clean)"
            print_error(f"{what}: {path}")
    elif args.standalone:
        parts = render(site, nginx, write_addresses=args.resolve)
        whole = standalone(site, nginx, listen=args.listen, app=args.app, root_user=args.user, parts=parts)
        print_data([whole])
    else:
        parts = render(site, nginx, folder=_SHOWN, write_addresses=args.resolve)
        shown = config_folder.generated(site, parts, _SHOWN)
        print_data(["\n".join(f"# ---- {_SHOWN}/{name}\n{text}" for name, text in shown.items())])


def _print_paths(paths: Sequence[Path], engine: Path) -> None:
    """Print the paths of the site's files. The engine has ten times as many, which would hide the warnings."""
    for path in paths:
        if not path.is_relative_to(engine):
            print_line(path)
    number = sum(path.is_relative_to(engine) for path in paths)
    print_line(f"{engine}/: {number} files")


def _made(args: argparse.Namespace, site: Site, nginx: Nginx, folder: str) -> dict[Path, str]:
    if args.path and not args.path.startswith("/"):
        remedy = 'For example "/etc/nginx/xaccel".'
        raise NginxError(f"{args.path!r} is not an absolute path", where="--path", remedy=remedy)
    installed = args.path and args.path.rstrip("/")
    return config_folder.texts(site, nginx, Path(folder), installed=installed, write_addresses=args.resolve)


def _taken(site: Site) -> Iterator[str]:
    """Warn if another program listens where NGINX will: NGINX would not start, with all its sites."""
    for key, loopback in site.loopbacks.items():
        if is_taken(loopback.listen):
            yield (
                f"another program listens on {loopback.listen}, so NGINX will not start: choose another address for"
                f' {key}["listen"]'
            )


def _lacks_slices(site: Site, nginx: Nginx) -> bool:
    """Tell whether the app signs for slices that this NGINX does not make."""
    sliced = "slice" not in nginx.modules and site.cache is not None and site.cache.slice_bytes > 0
    return sliced and any(isinstance(each, S3Origin) and each.cache for each in site.origins.values())


def _check(args: argparse.Namespace, site: Site, folder: Path) -> int:
    try:
        if not folder.is_dir():
            remedy = "Give the folder of `config --write`."
            raise NginxError("it is not a folder", where=args.check, remedy=remedy)
        made = _made(args, site, nginx_arguments.nginx_of(args, site), args.check)
        found = config_folder.differences(made)
        found += [f"{path} is no longer needed" for path in config_folder.stale(made, site, folder)]
    except (XaccelError, OSError) as error:
        print_error(error)
        return 2
    for line in found or ["the files match the settings"]:
        print_line(line)
    return int(bool(found))


def _refresh(args: argparse.Namespace, site: Site) -> None:
    nginx_arguments.warn(site.log_problems())
    nginx = nginx_arguments.nginx_of(args, site)
    config_folder.require_same_build(site, Path(args.write))
    made = config_folder.texts(site, nginx, Path(args.write), write_addresses=args.resolve)
    changed = config_folder.refresh(
        made, Path(args.write), [args.nginx or nginx_arguments.find_nginx(), *args.nginx_option]
    )
    names = ", ".join(path.name for path in changed)
    print_line(f"reloaded: {names} changed" if changed else "nothing changed")


COMMAND = make_command("config", run=_run)
REFRESH = make_command("refresh", run=_refresh)
