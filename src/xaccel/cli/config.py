"""`xaccel config` and `xaccel refresh`: write the NGINX configuration of a site, and keep it up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xaccel.cli import nginx_arguments
from xaccel.cli.annotate import annotate
from xaccel.cli.command import Command, FindObject
from xaccel.errors import NginxError, XaccelError
from xaccel.nginx import Nginx, files, render, standalone
from xaccel.nginx.includes import folder_of
from xaccel.site import Site
from xaccel.site.origins import S3Origin

_SHOWN = "/etc/nginx/xaccel"
"""The folder whose files are shown without --write."""

_NO_SLICES = (
    'this NGINX lacks the module `slice`: set "slice": "0" in CACHE. Otherwise the app signs S3 URLs for as long as the'
    " slowest client would take, up to seven days, instead of for `expires_s`."
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    nginx_arguments.add_arguments(parser)
    parser.add_argument("--write", metavar="DIR", help="write the engine and the site below this folder")
    check = "compare the files below this folder with the settings: exit status 0 if they are equal, 1 if they differ,"
    parser.add_argument("--check", metavar="DIR", help=f"{check} 2 if they cannot be read")
    path = "with --write or --check: the folder from which NGINX includes the files, if it is another one"
    parser.add_argument("--path", metavar="DIR", help=path)
    for option, help_ in (
        ("--clean", "with --write: remove files of xaccel that are no longer needed"),
        ("--annotate", "print the setting behind each line of the site as a comment"),
        ("--standalone", "print a whole nginx.conf"),
    ):
        parser.add_argument(option, action="store_true", help=help_)
    parser.add_argument("--part", metavar="NAME", help="print this file alone, for example server or http")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="with --standalone (default %(default)s)")
    app = "with --standalone: the app server (default %(default)s)"
    parser.add_argument("--app", default="127.0.0.1:8000", help=app)
    user = "with --standalone, for a master that runs as root: user of the workers"
    parser.add_argument("--user", help=user)


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    if args.annotate and (args.check or args.write or args.standalone):
        raise NginxError(
            "it shows the site's files, and cannot be combined with --check, --write or --standalone",
            where="--annotate",
            remedy="Give --annotate alone, or with --part.",
        )
    if args.check:
        sys.exit(_check(args, site, Path(args.check)))
    nginx = nginx_arguments.nginx_of(args, site, loads_itself=args.standalone)
    nginx_arguments.warn_of(site, own_prefix=args.standalone)
    if _lacks_slices(site, nginx):
        print(f"xaccel: warning: {_NO_SLICES}", file=sys.stderr)
    if args.write:
        made = _made(args, site, nginx, args.write)
        for path in files.write(made):
            print(path)
        for path in files.stale(made, site, Path(args.write)):
            if args.clean:
                path.unlink()
            what = "removed" if args.clean else "no longer needed (remove it with --clean)"
            print(f"xaccel: {what}: {path}", file=sys.stderr)
    elif args.standalone:
        parts = render(site, nginx, write_addresses=args.resolve)
        whole = standalone(site, nginx, listen=args.listen, app=args.app, root_user=args.user, parts=parts)
        sys.stdout.write(whole)
    else:
        parts = render(site, nginx, folder=_SHOWN, write_addresses=args.resolve)
        _show(args, site, files.generated(site, parts, _SHOWN))


def _made(args: argparse.Namespace, site: Site, nginx: Nginx, folder: str) -> dict[Path, str]:
    if args.path and not args.path.startswith("/"):
        raise NginxError(
            f"{args.path!r} is not an absolute path",
            where="--path",
            remedy='For example "/etc/nginx/xaccel".',
        )
    installed = args.path and args.path.rstrip("/")
    return files.texts(site, nginx, Path(folder), installed=installed, write_addresses=args.resolve)


def _show(args: argparse.Namespace, site: Site, shown: dict[str, str]) -> None:
    if args.annotate:
        shown = annotate(site, shown)
    if not args.part:
        sys.stdout.write("\n".join(f"# ---- {_SHOWN}/{name}\n{text}" for name, text in shown.items()))
        return
    text = shown.get(f"{folder_of(site)}/{args.part}.conf")
    if text is None:
        raise NginxError(
            f"the site has no file {args.part!r}",
            where="--part",
            remedy="Give for example server, http, secret or log.",
        )
    sys.stdout.write(text)


def _lacks_slices(site: Site, nginx: Nginx) -> bool:
    """Tell whether the app signs for slices that this NGINX does not make."""
    sliced = not nginx.slice and site.cache is not None and site.cache.slice_bytes > 0
    return sliced and any(isinstance(each, S3Origin) and each.cache for each in site.origins.values())


def _check(args: argparse.Namespace, site: Site, folder: Path) -> int:
    try:
        if not folder.is_dir():
            raise NginxError(
                "it is not a folder", where=args.check, remedy="Give the folder of `config --write`."
            )
        made = _made(args, site, nginx_arguments.nginx_of(args, site), args.check)
        found = files.differences(made)
        found += [f"{path} is no longer needed" for path in files.stale(made, site, folder)]
    except (XaccelError, OSError) as error:
        print(f"xaccel: {error}", file=sys.stderr)
        return 2
    print("\n".join(found or ["the files are those of the settings"]))
    return int(bool(found))


def _add_refresh_arguments(parser: argparse.ArgumentParser) -> None:
    nginx_arguments.add_arguments(parser)
    parser.add_argument(
        "--write", metavar="DIR", required=True, help="the folder that `config --write` wrote"
    )


def _refresh(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    nginx_arguments.warn_of(site)
    nginx = nginx_arguments.nginx_of(args, site)
    made = files.texts(site, nginx, Path(args.write), write_addresses=args.resolve)
    changed = files.refresh(made, [args.nginx or nginx_arguments.find_nginx(), *args.nginx_option])
    print(f"reloaded: {', '.join(path.name for path in changed)} changed" if changed else "nothing changed")


COMMAND = Command(
    help="write the NGINX configuration of the site",
    description="Write the NGINX configuration of the site: files to include in your own, or a whole file."
    " The files secret*.conf have the site's secret and the fixed request headers of origins: keep them as readable as"
    " a key.",
    add_arguments=_add_arguments,
    run=_run,
)

REFRESH = Command(
    help="look the origins' addresses up again and reload NGINX if they changed",
    description="Write the files of `config --write DIR` again. If a file changed and `nginx -t` accepts it, NGINX is"
    " reloaded; if it does not, the old files come back. For an NGINX before 1.27.3, which cannot follow DNS itself:"
    " run it every few minutes.",
    add_arguments=_add_refresh_arguments,
    run=_refresh,
)
