"""What is kept of limited things: how many uses there are, and who holds one."""

from __future__ import annotations

from django.db import models


class Allowance(models.Model):
    """A limited number of uses, as of a share link; a row of the app's own points to it.

    limit: how many uses; the app may change it at any time. used: how many are taken.
    give_backs: how often, in all, a use that came to nearly nothing may be given back; each time up to 1 % of the
        object went out, so ten at most. given_back: how often that was.
    requests: hand-offs that one use is good for, so that a copied cookie is no free pass.
    """

    limit = models.PositiveBigIntegerField()
    used = models.PositiveBigIntegerField(default=0)
    give_backs = models.PositiveIntegerField(default=3)
    given_back = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=500)

    class Meta:
        """Small: one row a link."""

        db_table = "xaccel_allowance"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(give_backs__lte=10), name="xaccel_allowance_few_give_backs"
            ),
        )

    def __str__(self) -> str:
        return f"{self.used} of {self.limit}"


class Reservation(models.Model):
    """One use, taken by one client for one version of an object, for a time.

    token: digest of what the client's cookie holds. requests: hand-offs so far.
    ended_at: nothing more is handed off for it: its time or its requests were over, or it was given back.
    settled_at: whether the use is given back is decided; `given_back` says how.
    """

    id = models.UUIDField(primary_key=True)
    allowance = models.ForeignKey(Allowance, on_delete=models.CASCADE, related_name="reservations")
    token = models.CharField(max_length=64)
    version = models.TextField()
    requests = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField()
    last_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    given_back = models.BooleanField(default=False)

    class Meta:
        """One that is open for each client and version, whatever comes at once."""

        db_table = "xaccel_reservation"
        constraints = (
            models.UniqueConstraint(
                fields=["allowance", "token", "version"],
                condition=models.Q(ended_at__isnull=True),
                name="xaccel_reservation_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["last_at"],
                condition=models.Q(settled_at__isnull=True),
                name="xaccel_reservation_unsettled",
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} of {self.allowance_id}"
