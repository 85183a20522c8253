"""`xaccel cache purge`: remove objects from NGINX's cache."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaccel.cli.command import FindObject, make_command
from xaccel.errors import ConfigError, OptionRefused
from xaccel.handoff.identifiers import version_part, version_query, whole_version
from xaccel.handoff.objects import ObjectRef
from xaccel.nginx import cache_files
from xaccel.sender import Sender
from xaccel.site import Site


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    named = args.keys or args.url
    if (args.origin or args.url or args.cache_version or args.version_id) if args.all else not named:
        raise OptionRefused(
            "which objects is not said",
            where="purge",
            remedy="Give ORIGIN and at least one KEY or --url, or --all and nothing else.",
        )
    directory = _directory(site, args.prefix)
    sender = Sender(site)
    wanted = {
        **{sender.object_part(ObjectRef(args.origin, key, bucket=args.bucket)): key for key in args.keys},
        **{sender.object_part(sender.refer(None, origin=args.origin, url=url)): url for url in args.url},
    }
    version = _version_part(args, site)
    purged: dict[str, list[int]] = {name: [] for name in (["everything"] if args.all else wanted.values())}
    for file in cache_files.files(directory):
        parts = None if args.all else cache_files.parts_of(file)
        if args.all or (parts and parts[0] in wanted and version in (None, parts[1])):
            size = cache_files.remove(file, dry_run=args.dry_run)
            if size is not None:
                purged[wanted[parts[0]] if parts else "everything"].append(size)
    what = "would purge" if args.dry_run else "purged"
    for name, sizes in purged.items():
        print(f"{name}: {what} {len(sizes)} entries, {sum(sizes)} bytes")


def _version_part(args: argparse.Namespace, site: Site) -> str | None:
    """Return the part of the key that the wanted version has; None for all."""
    if args.version_id is None:
        return None if args.cache_version is None else version_part(args.cache_version)
    for name in [args.origin] if args.origin else map(Sender(site).places.origin_of_url, args.url):
        version_query(site.origin(name), args.version_id)
    version = whole_version(args.cache_version, args.version_id)
    if not version:
        raise OptionRefused(
            f"nothing is kept under the version {args.version_id!r}: its bytes may change",
            where="--version-id",
            remedy="Give --cache-version, or neither of them for all versions.",
        )
    return version_part(version)


def _directory(site: Site, prefix: str | None) -> Path:
    if site.cache is None:
        raise ConfigError(
            "the site has no cache",
            where="CACHE",
            remedy='Give {"path": "/var/cache/nginx/xaccel"}, as NGINX has it.',
        )
    path = Path(site.cache.path)
    if not path.is_absolute() and prefix is None:
        raise OptionRefused(
            f"the cache's path {site.cache.path!r} is relative to NGINX's prefix, which is not known here",
            where="--prefix",
            remedy="Give the prefix that NGINX runs with: its -p, or the one that `nginx -V` names.",
        )
    return Path(prefix or "/") / path


COMMAND = make_command("purge", run=_run)
