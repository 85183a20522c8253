"""What is kept: each transfer, the downloads that people made of them, and how far each log has been read."""

from __future__ import annotations

from django.db import models

from xaccel.audit.arrival import arrived_of
from xaccel.audit.outcome import Outcome

__all__ = [
    "Download",
    "Garbage",
    "LogPosition",
    "Removal",
    "Seal",
    "Transfer",
    "Untold",
]


class Download(models.Model):
    """What a person did: one subject, one version of one object, one client; one or more transfers.

    id: UUIDv7. group: digest of subject, origin, object key and client: what downloads of several versions share.
    spans: the union of the bytes that were sent, as a list of [first, end behind the last].
    sent_bytes: how many those are; given_bytes: what all transfers gave to the connection, repeats included.
    total: bytes of the object, if known.
    query: which of the objects of a stored URL's key, as `DownloadEvent.query` says it.
    mixed: the same client took another version of the object meanwhile, and one of the two began behind byte 0; or the
        length changed.
    closed_at: the end of its last transfer, set when no line is awaited any more that could belong to it.
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
    mixed = models.BooleanField()
    pruned = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        """Indexes for the questions by user, by object, by time, and for what is not complete or mixed."""

        db_table = "xaccel_download"
        indexes = (
            models.Index(fields=["subject", "-opened_at"], name="xaccel_download_subject"),
            models.Index(fields=["origin", "key", "-opened_at"], name="xaccel_download_object"),
            models.Index(fields=["-opened_at"], name="xaccel_download_time"),
            models.Index(
                fields=["-opened_at"],
                condition=models.Q(sent_complete=False),
                name="xaccel_download_incomplete",
            ),
            models.Index(fields=["-opened_at"], condition=models.Q(mixed=True), name="xaccel_download_mixed"),
            models.Index(
                fields=["group"], condition=models.Q(closed_at__isnull=True), name="xaccel_download_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.origin}:{self.key} by {self.subject or 'nobody known'}"


OF_THE_APP = "decided_at origin key query subject client method filename as_attachment reason".split()
"""Columns of a transfer that the app's decision fills; `version` is the app's if it knows one, else the line's."""


class Transfer(models.Model):
    """One decision of the app, and what NGINX's line said of it.

    id: the transfer id; for a decision without a line, one of its own. UUIDv7: sorted by time.
    decided_at: null if the log entry has no decision: the app's transaction was rolled back, or it is forged.
    ended_at: null while only the decision has come.
    version: of the object, as the app knows it, else the entity tag that was sent, else the date (Last-Modified).
    query: of a stored URL's query, what may be recorded: see `DownloadEvent.query`.
    first, sent: the interval of the object's bytes that NGINX gave to the connection; `first` is null where it is not
        known.
    ip: the client's address as NGINX knows it, through the proxies that NGINX trusts.
    details: what explains the transfer and no query filters by: see `log.line.Details`.
    batch: the number of its seal; 0 while it waits for one; null while it is not final, or if CHAIN was off then.
    person_proof, address_proof: salts of the digests that are sealed; the digests, once the person is forgotten or the
        address removed.
    """

    id = models.UUIDField(primary_key=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    # the app's half
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
    # NGINX's half
    download = models.ForeignKey(
        Download,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
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
        """Indexes for the questions by user, by object, by time, and for what was denied, cut or is awaited."""

        db_table = "xaccel_transfer"
        indexes = (
            models.Index(fields=["subject", "-decided_at"], name="xaccel_transfer_subject"),
            models.Index(fields=["origin", "key", "-decided_at"], name="xaccel_transfer_object"),
            models.Index(fields=["-decided_at"], name="xaccel_transfer_time"),
            models.Index(
                fields=["outcome", "-decided_at"],
                condition=~models.Q(outcome__in=["sent", "headers", "not_modified"]),
                name="xaccel_transfer_unusual",
            ),
            models.Index(
                fields=["download"],
                condition=models.Q(download__isnull=False),
                name="xaccel_transfer_download",
            ),
            models.Index(
                fields=["batch"], condition=models.Q(batch__isnull=False), name="xaccel_transfer_batch"
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.outcome}"

    @property
    def arrived_at_least(self) -> int | None:
        """How many bytes of an interrupted transfer reached the client's machine for certain; None if not known."""
        return arrived_of(self.outcome, self.details.get("protocol", ""), self.sent)


class LogPosition(models.Model):
    """How far a file has been read: kept in the transaction of the rows that were made from it.

    path: as it was named to `ingest`; a log that is rotated has a row for each file. device, inode: which file it is;
    start: digest of its first `start_length` bytes, since an inode is used again and a copy has another.
    offset: bytes that are done with. tail: digest of the last `tail_length` bytes before it, which shows that the file
    was cut and has grown again.
    finished: rotated away, and nothing more is awaited.
    """

    path = models.TextField()
    device = models.BigIntegerField()
    inode = models.BigIntegerField()
    start = models.TextField()
    start_length = models.IntegerField()
    offset = models.BigIntegerField()
    tail = models.TextField(default="")
    tail_length = models.IntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    garbage = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    finished = models.BooleanField(default=False)

    class Meta:
        """One row a file."""

        db_table = "xaccel_log_position"
        indexes = (models.Index(fields=["path", "-at"], name="xaccel_log_position_path"),)

    def __str__(self) -> str:
        return f"{self.path} at {self.offset}"


class Garbage(models.Model):
    """What was in a log and is no line: kept aside, cut at 4 KB, so that nothing is lost silently."""

    path = models.TextField()
    offset = models.BigIntegerField()
    reason = models.TextField()
    text = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        """Seldom read, never joined."""

        db_table = "xaccel_garbage"

    def __str__(self) -> str:
        return f"{self.path} at {self.offset}: {self.reason}"


class Removal(models.Model):
    """What was removed by the rules, so that a log that is read again does not bring it back.

    kind: "prune", of which there is one row, or "forget". before: entries that are older are skipped, all of them for
    "prune", and those of the subject for "forget". subject: a digest with the key of the site, which points to nobody.
    """

    kind = models.CharField(max_length=16)
    before = models.DateTimeField()
    subject = models.CharField(max_length=64, default="", db_index=True)

    class Meta:
        """A row for each person who was forgotten, until `prune` reaches that time."""

        db_table = "xaccel_removal"

    def __str__(self) -> str:
        return f"{self.kind} before {self.before.isoformat()}"


class Untold(models.Model):
    """A signal that is owed: made with the rows, removed when its receivers have returned."""

    transfer = models.UUIDField(null=True)
    download = models.UUIDField(null=True)

    class Meta:
        """Empty, but for a moment."""

        db_table = "xaccel_untold"

    def __str__(self) -> str:
        return f"{self.transfer or self.download}"


class Seal(models.Model):
    """One link of the hash chain: a batch of rows that were final, or what was removed from such rows by the rules.

    kind: "transfers"; "late" for log entries that came after their rows were sealed; "prune", "addresses", "forget".
    count: how many rows. leaves: what stands for each of them (see `chain.seals`), deleted when all of these rows are.
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
        """In the order of `number`."""

        db_table = "xaccel_seal"

    def __str__(self) -> str:
        return f"{self.number} {self.chain}"
