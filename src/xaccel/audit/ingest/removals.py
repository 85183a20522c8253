"""Keep a log that is read again from bringing back what `prune` and `forget` removed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import Max
from django.utils.crypto import salted_hmac

from xaccel.audit.decision.instants import instant_of
from xaccel.audit.log.batch import Batch
from xaccel.audit.log.line import Line
from xaccel.audit.models import Garbage, Removal

_PRUNE, _FORGET = "prune", "forget"


def note_pruned(before: datetime, *, using: str) -> None:
    """Remember that everything of before `before` is deleted, in the open transaction."""
    rows = Removal.objects.using(using)
    if not rows.filter(kind=_PRUNE, before__gte=before).exists():
        rows.filter(kind=_PRUNE).delete()
        rows.create(kind=_PRUNE, before=before)
    rows.filter(kind=_FORGET, before__lte=before).delete()


def note_forgotten(subject: str, before: datetime, *, using: str) -> None:
    """Remember that `subject` is forgotten, in the open transaction: only a digest is stored."""
    Removal.objects.using(using).create(
        kind=_FORGET, before=before, subject=_digest(subject, settings.SECRET_KEY)
    )


def removed(entries: Iterable[Line], *, using: str) -> set[str]:
    """Return the ids of those entries, none of which is stored, that are older than what was removed."""
    times = _times(using)
    if not times:
        return set()
    pruned, forgotten = times.get(_PRUNE, 0), times.get(_FORGET, 0)
    found: set[str] = set()
    of: dict[str, list[tuple[str, int]]] = {}
    for entry in entries:
        at = entry.started_at
        if at < pruned:
            found.add(entry.id)
        elif at < forgotten and entry.subject:
            of.setdefault(entry.subject, []).append((entry.id, at))
    if of:
        before = _forgotten(of, using)
        found.update(id_ for subject, some in of.items() for id_, at in some if at < before.get(subject, 0))
    return found


def new_garbage(batch: Batch, *, using: str) -> list[Garbage]:
    """Return what is no entry, and was not stored when the file was read before: the same text at the same offset.

    What `prune` deleted follows an entry that is older.
    """
    if not batch.garbage:
        return []
    first, last = batch.garbage[0], batch.garbage[-1]
    stored = Garbage.objects.using(using).filter(path=first.path, offset__range=(first.offset, last.offset))
    known = {(row.offset, bytes(row.text)) for row in stored}
    pruned = _times(using).get(_PRUNE, 0)

    def is_new(row: Garbage) -> bool:
        place = max(bisect_right(batch.places, row.offset) - 1, 0)
        old = bool(batch.lines) and batch.lines[place].started_at < pruned
        return not old and (row.offset, bytes(row.text)) not in known

    return [row for row in batch.garbage if is_new(row)]


def _times(using: str) -> dict[str, int]:
    """Return the latest time of each kind of removal."""
    rows = Removal.objects.using(using).values_list("kind").annotate(Max("before"))
    return {kind: instant_of(before) for kind, before in rows}


def _forgotten(subjects: Iterable[str], using: str) -> dict[str, int]:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = {_digest(subject, key): subject for subject in subjects for key in keys}
    rows = Removal.objects.using(using).filter(kind=_FORGET, subject__in=digests)
    found: dict[str, int] = {}
    for digest, before in rows.values_list("subject", "before"):
        subject = digests[digest]
        found[subject] = max(instant_of(before), found.get(subject, 0))
    return found


def _digest(subject: str, key: str | bytes) -> str:
    return salted_hmac("xaccel.audit.ingest.removals", subject, secret=key, algorithm="sha256").hexdigest()
