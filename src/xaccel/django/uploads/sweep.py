"""`manage.py xaccel sweep`: settle uploads whose end is unknown, delete what they left, list what no row names."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from itertools import product

from django.db.models import Q

from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.django.conf import configuration
from xaccel.django.uploads.models import State, Upload, uploads
from xaccel.django.uploads.settle import forget_object, look_again
from xaccel.errors import ConfigError
from xaccel.events import logger
from xaccel.features.uploads.decide import require_folder, require_uploads
from xaccel.features.uploads.directory import leftovers
from xaccel.features.uploads.forms import FOLDER
from xaccel.features.uploads.unnamed import unnamed
from xaccel.site.origins import LocalOrigin, S3Origin, covers, covers_many

UNKNOWN = "unknown"
LEFTOVER = "leftover"
UNDELETED = "undeleted"


def sweep(older: timedelta, report: Callable[[Upload, str], object] = lambda *_: None) -> Counter[str]:
    """Settle uploads that are open, without a new part, for longer than `older`; delete the objects of released ones.

    It also deletes files of this age that NGINX left in directories when it was killed.

    Return how many have which state now; UNKNOWN are those whose storage did not respond, or whose `on_stored` raised;
    LEFTOVER files of none. UNDELETED are those that this user may not delete. report: gets each upload.
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
        counted += _delete_leftovers(origin, until.timestamp(), still_open)
    return counted


def _delete_leftovers(origin: LocalOrigin, until: float, still_open: Collection[str]) -> Counter[str]:
    """Delete files that NGINX left. One that cannot be deleted does not stop the others."""
    counted = Counter[str]()
    try:
        for path in leftovers(origin, until, still_open):
            try:
                path.unlink(missing_ok=True)
                counted[LEFTOVER] += 1
            except OSError as error:
                logger.warning("the sweep cannot delete %s (%s)", path, error.strerror)
                counted[UNDELETED] += 1
    except OSError as error:
        logger.warning("the sweep cannot read %s (%s)", origin.staging, error.strerror)
        counted[UNDELETED] += 1
    return counted


def _list(folders: list[str], until: datetime) -> None:
    given = dict.fromkeys([*map(require_folder, folders), FOLDER])
    folders = [each for each in given if not any(each.startswith(f"{outer}/") for outer in given)]
    conf = configuration()
    # Read before the storage: an object of before `until` has had its row since then.
    keys = uploads().exclude(state=State.GONE).values_list("key", flat=True)
    named = {key.rpartition("/")[2] for key in keys.iterator()}
    for name in require_uploads(conf.site).origins:
        if not isinstance(origin := conf.site.origins[name], S3Origin):
            continue
        buckets = [origin.bucket]
        if covers_many(origin):
            known = uploads(origin=name).values_list("bucket", flat=True).distinct()
            buckets = sorted(each for each in known if covers(origin.bucket, each))
        for bucket, folder in product(buckets, folders):
            for found in unnamed(conf.sender, name, bucket, folder, until=until, named=named):
                print_line(f"{name} {bucket} {found}")
        where = ", ".join(buckets) or "no bucket: no row names one"
        print_line(f"{name}: looked in {where}", to=sys.stderr)


def _run(args: argparse.Namespace, _: object) -> None:
    if args.list:
        _list(args.list, datetime.now(UTC) - timedelta(seconds=args.older))
        return
    counted = sweep(timedelta(seconds=args.older), lambda row, now: print_line(f"{row.pk} {row.key}: {now}"))
    print_line(", ".join(f"{number} {state}" for state, number in sorted(counted.items())) or "nothing to do")
    if counted[UNKNOWN]:
        what = f"{counted[UNKNOWN]} uploads are not settled"
        remedy = "Correct what is listed above, and run it again."
        raise ConfigError(what, where="sweep", remedy=remedy)
    if counted[UNDELETED]:
        what = "the sweep could not delete what NGINX left in a directory"
        remedy = "Let this user write into the folders that the warnings name, and run it again."
        raise ConfigError(what, where="sweep", remedy=remedy)


COMMAND = make_command("sweep", types={"--older": int}, run=_run)
