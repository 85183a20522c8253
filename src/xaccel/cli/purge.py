"""`xaccel cache purge`: remove objects from NGINX's cache."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaccel.cli.command import make_command
from xaccel.errors import CacheError, ConfigError, OptionRefused
from xaccel.handoff.objects import ObjectRef
from xaccel.nginx import cached_objects
from xaccel.sender import Sender
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site) -> None:
    named = args.keys or args.url
    if (args.origin or args.url) if args.all else not named:
        remedy = "Give ORIGIN and at least one KEY or --url, or --all and nothing else."
        raise OptionRefused("no objects are named", where="purge", remedy=remedy)
    directory = _directory(site, args.prefix)
    sender = Sender(site)
    wanted = {
        **{sender.object_part(ObjectRef(args.origin, key, bucket=args.bucket)): key for key in args.keys},
        **{sender.object_part(sender.refer(None, origin=args.origin, url=url)): url for url in args.url},
    }
    purged: dict[str, list[int]] = {name: [] for name in (["everything"] if args.all else wanted.values())}
    try:
        for file in cached_objects.find_files(directory):
            name = "everything" if args.all else wanted.get(cached_objects.object_part_of(file) or "")
            if name is not None and (size := cached_objects.remove(file)) is not None:
                purged[name].append(size)
    except PermissionError as error:
        what, remedy = "permission denied", "Run the command as root or as the user of NGINX's workers."
        raise CacheError(what, where=str(error.filename), remedy=remedy) from error
    for name, sizes in purged.items():
        print(f"{name}: purged {len(sizes)} entries, {sum(sizes)} bytes")


def _directory(site: Site, prefix: str | None) -> Path:
    if site.cache is None:
        remedy = 'Give {"path": "/var/cache/nginx/xaccel"}, as NGINX has it.'
        raise ConfigError("the site has no cache", where="CACHE", remedy=remedy)
    path = Path(site.cache.path)
    if not path.is_absolute() and prefix is None:
        what = f"the cache's path {site.cache.path!r} is relative to NGINX's prefix, which is not known here"
        remedy = "Give the prefix that NGINX runs with: its -p, or the one that `nginx -V` names."
        raise OptionRefused(what, where="--prefix", remedy=remedy)
    return Path(prefix or "/") / path


COMMAND = make_command("purge", run=_run)
