"""`manage.py xaccel sweep`: settle uploads whose end is unknown, delete what they left, list what no row names."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product
from urllib.parse import quote

from django.db.models import Q

from xaccel.cli.command import make_command
from xaccel.django.conf import configuration
from xaccel.django.uploads.models import State, Upload, uploads
from xaccel.django.uploads.settle import forget_object, look_again
from xaccel.errors import ConfigError
from xaccel.site.origins import S3Origin, covers_many
from xaccel.uploads.decide import Upload as Decided
from xaccel.uploads.decide import require_uploads
from xaccel.uploads.directory import leftovers
from xaccel.uploads.forms import FOLDER
from xaccel.uploads.look import request, require
from xaccel.uploads.receive import locate

UNKNOWN = "unknown"
LEFTOVER = "leftover"
_NEXT = (
    ("continuation-token", "NextContinuationToken"),
    ("key-marker", "NextKeyMarker"),
    ("upload-id-marker", "NextUploadIdMarker"),
)
_ENTRY = re.compile("<(Contents|Upload)>(.*?)</\\1>", re.DOTALL)


def sweep(older: timedelta, report: Callable[[Upload, str], object] = lambda *_: None) -> Counter[str]:
    """Settle uploads that are open, without a new part, for longer than `older`; delete the objects of released ones.

    It also deletes files of this age that NGINX left in directories when it was killed.

    Return how many have which state now; UNKNOWN are those whose storage did not respond, or whose `on_stored` raised;
    LEFTOVER files of none. report: gets each upload.
    """
    until, counted = datetime.now(UTC) - older, Counter[str]()
    for state, act in ((State.RELEASED, forget_object), (State.OPEN, look_again)):
        quiet = Q(active_at=None) | Q(active_at__lte=until)
        for row in uploads(state=state, made_at__lte=until).filter(quiet).order_by("made_at").iterator():
            try:
                now = said = str(act(row))
            except Exception as error:  # noqa: BLE001  (of `on_stored`: other uploads do not wait for it)
                now, said = UNKNOWN, f"{type(error).__name__}: {error}"
            report(row, said)
            counted[now] += 1
    still_open = {str(id_) for id_ in uploads(state=State.OPEN).values_list("pk", flat=True)}
    for origin in configuration().site.directories.values():
        for path in leftovers(origin, until.timestamp(), still_open):
            path.unlink(missing_ok=True)
            counted[LEFTOVER] += 1
    return counted


def unnamed(origin: str, bucket: str, folder: str, until: datetime) -> Iterator[str]:
    """Yield the keys of objects and of uploads in parts below a folder that no row names, older than `until`.

    The id of an upload in parts follows its key (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html,
    API_ListMultipartUploads.html). Raises as `xaccel.uploads.look.find` does.
    """
    sender, probe = configuration().sender, Decided("(list)", origin, bucket, f"{folder}/x", 0, "", "", "")
    full = locate(sender, probe).bucket_and_key[1]
    for query in ("list-type=2", "uploads="):
        after = ""
        while True:
            asked = f"{query}&prefix={quote(full[:-1], safe='')}{after}"
            reply = request(sender, probe, "GET", asked)
            require(reply, probe, 200)
            page, found = reply.body.decode("utf-8", "replace"), list[tuple[str, str]]()
            for _, entry in _ENTRY.findall(page):
                begun = _text(entry, "LastModified") or _text(entry, "Initiated")
                if datetime.fromisoformat(begun) <= until:
                    key = _text(entry, "Key")[len(full) - len(probe.key) :]
                    found.append((key, _text(entry, "UploadId")))
            rows = uploads(origin=origin, bucket=bucket, key__in=[key for key, _ in found])
            named = set(rows.exclude(state=State.GONE).values_list("key", flat=True))
            yield from (f"{key} {id_}".strip() for key, id_ in found if key not in named)
            if _text(page, "IsTruncated") != "true":
                break
            after = "".join(
                f"&{name}={quote(_text(page, tag), safe='')}" for name, tag in _NEXT if _text(page, tag)
            )


def _text(xml: str, tag: str) -> str:
    found = re.search(f"<{tag}>([^<]*)<", xml)
    return unescape(found[1]) if found else ""


def _list(folders: list[str], until: datetime) -> None:
    site = configuration().site
    for name in require_uploads(site).origins:
        if isinstance(origin := site.origins[name], S3Origin):
            known = uploads(origin=name).order_by().values_list("bucket", flat=True).distinct()
            for bucket, folder in product(known if covers_many(origin) else [""], (*folders, FOLDER)):
                for found in unnamed(name, bucket, folder, until):
                    print(" ".join(filter(None, (name, bucket, found))))


def _run(args: argparse.Namespace, _: object) -> None:
    if args.list:
        _list(args.list, datetime.now(UTC) - timedelta(seconds=args.older))
        return
    counted = sweep(timedelta(seconds=args.older), lambda row, now: print(f"{row.pk} {row.key}: {now}"))
    print(", ".join(f"{number} {state}" for state, number in sorted(counted.items())) or "nothing to do")
    if counted[UNKNOWN]:
        what = f"{counted[UNKNOWN]} uploads are not settled"
        remedy = "Correct what is listed above, and run it again."
        raise ConfigError(what, where="sweep", remedy=remedy)


COMMAND = make_command("sweep", types={"--older": int}, run=_run)
