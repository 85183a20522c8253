"""Notes of removals by `prune` and `forget`: a log that is read again does not bring back what they removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Max
from django.utils.crypto import salted_hmac

from xaccel.audit.log.entry import LogEntry
from xaccel.audit.models import Removal

NEVER = datetime.min.replace(tzinfo=UTC)
"""Before all rows."""


def note_pruned(before: datetime, *, using: str) -> None:
    """Note that `prune` deletes what is older than `before`, and drop what this makes needless."""
    rows = Removal.objects.using(using)
    if not rows.filter(kind="prune", before__gte=before).exists():
        rows.filter(kind="prune").delete()
        rows.create(kind="prune", before=before)
    rows.filter(kind="forget", before__lte=before).delete()


def note_forgotten(subject: str, *, using: str) -> None:
    """Note that `forget` removes what `subject` did until now; its digest alone is stored."""
    digest = _digest(subject, settings.SECRET_KEY)
    Removal.objects.using(using).create(kind="forget", before=datetime.now(UTC), subject=digest)


def removed_until(kind: str, *, using: str) -> datetime:
    """Return the latest time of `prune` or `forget`; the least possible time without any."""
    latest: datetime | None = Removal.objects.using(using).filter(kind=kind).aggregate(at=Max("before"))["at"]
    return latest or NEVER


def removed_ids(entries: Iterable[LogEntry], *, using: str) -> set[str]:
    """Return the ids of those entries that are older than what was removed. None of the entries is stored."""
    pruned, forgotten = (removed_until(kind, using=using) for kind in ("prune", "forget"))
    if pruned == forgotten == NEVER:
        return set()
    entries = list(entries)
    found = {entry.id for entry in entries if entry.started_at < pruned}
    old = [entry for entry in entries if entry.subject and entry.started_at < forgotten]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = {_digest(subject, key): subject for subject in {entry.subject for entry in old} for key in keys}
    rows = Removal.objects.using(using).filter(kind="forget", subject__in=digests).order_by("before")
    before = {digests[row.subject]: row.before for row in rows}
    return found | {entry.id for entry in old if entry.started_at < before.get(entry.subject, NEVER)}


def _digest(subject: str, key: str | bytes) -> str:
    return salted_hmac("xaccel.audit.ingest.removals", subject, secret=key, algorithm="sha256").hexdigest()
