"""The tables of the audit trail."""

from __future__ import annotations

from django.db import models
from django.db.models import Index, Q

from xaccel.audit.values import Outcome


class Download(models.Model):
    """All transfers of one version of an object to one subject and one client, until `IDLE_S` passed without any.

    id: UUIDv7. group: digest of subject, origin, object key and client; downloads of all versions share it.
    spans: union of the bytes that were sent, as a list of [first, end]; sent_bytes: their number.
    given_bytes: what all transfers gave to the connection, repeats included. total: bytes of the object, if known.
    query: distinguishes stored URLs that have the same key, see `DownloadEvent.query`.
    closed_at: the end of its last transfer, set when no log entry can come any more that belongs to it.
    pruned: how many of its transfers `prune` deleted.
    """

    id = models.UUIDField(primary_key=True)
    subject = models.TextField()
    origin = models.TextField()
    key = models.TextField()
    version = models.TextField()
    query = models.TextField(default="", db_default="")
    client = models.TextField()
    group = models.UUIDField()
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    transfers = models.BigIntegerField()
    total = models.BigIntegerField(null=True)
    sent_bytes = models.BigIntegerField()
    given_bytes = models.BigIntegerField()
    spans = models.JSONField()
    sent_complete = models.BooleanField()
    completed_at = models.DateTimeField(null=True)
    pruned = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "xaccel_download"
        indexes = (
            Index(fields=["subject", "-opened_at"], name=f"{db_table}_subject"),
            Index(fields=["origin", "key", "-opened_at"], name=f"{db_table}_object"),
            Index(fields=["-opened_at"], name=f"{db_table}_time"),
            Index(fields=["-opened_at"], condition=Q(sent_complete=False), name=f"{db_table}_incomplete"),
            Index(fields=["group"], condition=Q(closed_at__isnull=True), name=f"{db_table}_open"),
        )

    def __str__(self) -> str:
        return f"{self.origin}:{self.key} by {self.subject or 'an unknown user'}"


class Transfer(models.Model):
    """One decision of the app, and what NGINX's log entry says of it.

    id: the transfer id, or a new id for a decision without a hand-off. UUIDv7: sorted by time.
    decided_at: null if the log entry has no decision: the app's transaction was rolled back, or it is forged.
    version: of the object, as the app knows it, else the entity tag that was sent, else the Last-Modified.
    client: a digest of the program, by its User-Agent.
    download to details come from the log entry. ended_at: null until it came.
    first, sent: the interval of the object's bytes that NGINX gave to the connection; `first` is null if unknown.
    ip: the client's address as NGINX knows it, through the proxies that NGINX trusts. If there is no log entry because
        the app denied the download, or responded 304 or 412 itself: as the app knows it (`ADDRESS_HEADER`).
    details: what explains the transfer and no query filters by, see `log.entry.Details`.
    batch: the number of its seal; 0 while it waits for one; null while it is not final, or if CHAIN was off then.
    person_proof, address_proof: salts of the sealed digests; the digests, once the user is forgotten or the address
        removed.
    """

    id = models.UUIDField(primary_key=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    decided_at = models.DateTimeField(null=True)
    origin = models.TextField()
    key = models.TextField()
    version = models.TextField()
    query = models.TextField(default="", db_default="")
    subject = models.TextField()
    client = models.TextField()
    method = models.TextField()
    filename = models.TextField()
    as_attachment = models.BooleanField()
    reason = models.TextField()
    download = models.ForeignKey(
        Download, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    ip = models.GenericIPAddressField(null=True)
    status = models.IntegerField(null=True)
    first = models.BigIntegerField(null=True)
    sent = models.BigIntegerField(null=True)
    total = models.BigIntegerField(null=True)
    body_bytes = models.BigIntegerField(null=True)
    why = models.TextField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    details = models.JSONField(default=dict)
    batch = models.BigIntegerField(null=True)
    person_proof = models.CharField(max_length=64, default="", db_default="")
    address_proof = models.CharField(max_length=64, default="", db_default="")

    class Meta:
        db_table = "xaccel_transfer"
        indexes = (
            Index(fields=["subject", "-decided_at"], name=f"{db_table}_subject"),
            Index(fields=["origin", "key", "-decided_at"], name=f"{db_table}_object"),
            Index(fields=["-decided_at"], name=f"{db_table}_time"),
            Index(
                fields=["outcome", "-decided_at"],
                condition=~Q(outcome__in=["sent", "headers", "not_modified"]),
                name=f"{db_table}_unusual",
            ),
            Index(fields=["download"], condition=Q(download__isnull=False), name=f"{db_table}_download"),
            Index(fields=["batch"], condition=Q(batch__isnull=False), name=f"{db_table}_batch"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.outcome}"


class ArchivePage(models.Model):
    """A part of the layout of an archive, stored at its first decision; see `audit.archives`.

    archive: the key of its transfers. slot: the number of pages, a power of two, plus the number of this one.
    """

    archive = models.TextField()
    slot = models.BigIntegerField(db_index=True)
    content = models.BinaryField()

    class Meta:
        db_table = "xaccel_archive_page"
        constraints = (models.UniqueConstraint(fields=["archive", "slot"], name=f"{db_table}_once"),)


class FailedMember(models.Model):
    """A member of an archive that failed in a transfer, so that the archive broke, from the log of members.

    id: a digest of the line, so that a file that is read again adds no row. number: of the member, from 0; -1 for a
    part of the archive, which the app makes. transfer: its `Transfer.id`. sent: bytes that the storage sent.
    """

    id = models.UUIDField(primary_key=True)
    transfer = models.UUIDField(db_index=True)
    number = models.BigIntegerField()
    origin = models.TextField()
    range = models.TextField()
    status = models.IntegerField(null=True)
    sent = models.BigIntegerField(null=True)
    why = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "xaccel_failed_member"


class LogPosition(models.Model):
    """How far a file of a log has been read, stored in the transaction of the rows that were made from it.

    path: as it was named to `ingest`; a log that is rotated has a row for each file. device, inode: which file it is;
    start: digest of its first `start_length` bytes, since an inode is used again and a copy has another.
    offset: everything before it is stored. tail: digest of the `tail_length` bytes before it, which shows that the file
    was cut and has grown again. finished: rotated away, and nothing more is awaited.
    """

    path = models.TextField()
    device = models.BigIntegerField()
    inode = models.BigIntegerField()
    start = models.TextField()
    start_length = models.IntegerField()
    offset = models.BigIntegerField()
    tail = models.TextField(default="")
    tail_length = models.IntegerField(default=0)
    at = models.DateTimeField()
    finished = models.BooleanField(default=False)

    class Meta:
        db_table = "xaccel_log_position"


class RejectedLine(models.Model):
    """A part of a log that is no entry, its first 4 KB. id: a digest, so that a file that is read again adds no row."""

    id = models.UUIDField(primary_key=True)
    path = models.TextField()
    offset = models.BigIntegerField()
    reason = models.TextField()
    text = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        db_table = "xaccel_rejected_line"


class Removal(models.Model):
    """A removal by `prune` or `forget`, so that a log that is read again does not restore the rows.

    kind: "prune", of which there is one row, or "forget". before: older entries are skipped; for "forget" only those of
    the subject. subject: a digest with the key of the site, which points to nobody.
    """

    kind = models.CharField(max_length=16)
    before = models.DateTimeField()
    subject = models.CharField(max_length=64, default="", db_index=True)

    class Meta:
        db_table = "xaccel_removal"


class PendingSignal(models.Model):
    """A signal to be sent: made with the rows, deleted when its receivers have returned."""

    transfer = models.UUIDField(null=True)
    download = models.UUIDField(null=True)

    class Meta:
        db_table = "xaccel_pending_signal"


class Seal(models.Model):
    """One link of the hash chain: a batch of final rows, or what `prune` and `forget` removed from such rows.

    kind: "transfers"; "late" for log entries that came after their rows were sealed; "prune", "addresses", "forget".
    count: how many rows. leaves: one for each of them (see `chain.seals`), deleted when all of these rows are.
    digest: of the leaves. until: the newest time in the leaves; of "prune" and "addresses" the time before which rows
    were deleted, or lost their addresses. chain: digest of the seal before and this one.
    """

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=16)
    count = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    until = models.DateTimeField()
    leaves = models.BinaryField()
    chain = models.CharField(max_length=64)

    class Meta:
        db_table = "xaccel_seal"
