"""`xaccel warm`: put known hot objects into NGINX's cache."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path

from xaccel.cli.command import Command, FindObject
from xaccel.errors import CacheError, ConfigError, OptionRefused
from xaccel.handoff.version_id import cache_identity
from xaccel.sender import Sender
from xaccel.site import Site
from xaccel.warm.app import running_app
from xaccel.warm.fill import Filler, Outcome, Wanted, require_nginx


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("origin", metavar="ORIGIN", nargs="?", help="origin of the object")
    parser.add_argument("key", metavar="KEY", nargs="?", help="its object key")
    parser.add_argument("--bucket", metavar="NAME", help="which bucket, for an origin that covers many")
    parser.add_argument("--url", metavar="URL", help="a stored URL instead of KEY")
    parser.add_argument("--identity", metavar="X", help="its identity, as the view gives it")
    parser.add_argument(
        "--version-id", metavar="V", help="its version in a bucket that keeps versions, as the view gives it"
    )
    parser.add_argument(
        "--size",
        metavar="N",
        type=int,
        help="its bytes, where the view gives them too: by them it is kept in slices",
    )
    parser.add_argument(
        "--parallel", metavar="N", type=int, default=2, help="objects at once (default %(default)s)"
    )
    parser.add_argument(
        "--prefix", metavar="DIR", default="/", help="NGINX's prefix, below which a relative path of LOG lies"
    )


def _run(args: argparse.Namespace, site: Site, _: FindObject | None) -> None:
    if site.cache is None or site.cache.warm_directory is None:
        raise ConfigError(
            "the cache has no warm_directory",
            where='CACHE["warm_directory"]',
            remedy='Give one, for example "/run/xaccel-warm", write the NGINX configuration again and reload NGINX.',
        )
    if not 1 <= args.parallel <= 64:
        raise OptionRefused(
            f"{args.parallel} is not a number of objects at once", where="--parallel", remedy="Give 1 to 64."
        )
    directory = Path(site.cache.warm_directory)
    sender, log = Sender(site), Path(args.prefix) / site.log_path
    wanted = [_named(args, sender)] if args.origin or args.url else list(_listed(sys.stdin))
    if not os.access(log, os.R_OK):
        print(
            f"xaccel: warning: {log} cannot be read, so HIT, MISS and reasons are not known", file=sys.stderr
        )
    require_nginx(directory)
    failed = 0
    with running_app(directory) as app, ThreadPool(args.parallel) as pool:
        filler = Filler(sender=sender, app=app, directory=directory, log=log)
        for outcome in pool.imap_unordered(filler.fill, wanted):
            failed += bool(outcome.failure)
            print(_told(outcome), flush=True)
    if failed:
        raise CacheError(
            f"{failed} of {len(wanted)} objects are not in the cache",
            where="warm",
            remedy="The reason of each stands in its line.",
        )


def _told(outcome: Outcome) -> str:
    name = f"{outcome.wanted.origin} {outcome.wanted.name}"
    if outcome.failure:
        return f"FAILED {name}: {outcome.failure}"
    return f"{outcome.cache or 'sent'} {name}: {outcome.bytes} bytes in {outcome.seconds:.2f} s"


def _named(args: argparse.Namespace, sender: Sender) -> Wanted:
    if (args.key is None) == (args.url is None) or not cache_identity(args.identity, args.version_id):
        raise OptionRefused(
            "which object is not said",
            where="warm",
            remedy="Give ORIGIN, KEY or --url, and --identity or --version-id; or none of them, and a list on standard"
            " input.",
        )
    return Wanted(
        origin=args.origin or sender.origin_of_url(args.url),
        key=args.key or "",
        bucket=args.bucket,
        url=args.url,
        identity=args.identity,
        version_id=args.version_id,
        size=args.size,
    )


_KINDS = {
    **dict.fromkeys(("origin", "key", "bucket", "url", "identity", "version_id"), str),
    "size": int,
}


def _listed(lines: Iterable[str]) -> Iterator[Wanted]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError:
            given = None
        if (
            not isinstance(given, dict)
            or not all(isinstance(value, _KINDS.get(name, ())) for name, value in given.items())
            or not cache_identity(given.get("identity"), given.get("version_id"))
            or "origin" not in given
            or ("key" in given) == ("url" in given)
        ):
            raise OptionRefused(
                "it is not an object to warm",
                where=f"line {number}",
                remedy='Write {"origin": "documents", "key": "a.pdf", "identity": "7"}, with "url" instead of "key"'
                ' for a stored URL, "version_id" instead of "identity" or beside it, "bucket" for an origin that'
                ' covers many, and "size" if it is known.',
            )
        yield Wanted(**given)


COMMAND = Command(
    help="put known hot objects into NGINX's cache",
    description="Have NGINX fetch objects into its cache, through a socket of its own and without a user. Without"
    " ORIGIN the objects are read from standard input: on each line a JSON object with origin, key or url, identity or"
    " version_id, and perhaps bucket and size. The log line of such a transfer has the subject `warm`. Run it as root.",
    add_arguments=_add_arguments,
    run=_run,
)
