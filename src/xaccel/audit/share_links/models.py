"""The tables of share links: how many uses a link has, and which clients have one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Allowance(models.Model):
    """A limited number of uses; a model of your project has a foreign key to it.

    limit: how many uses; the app may change it at any time, and 0 ends those that are taken.
    used: how many uses are taken.
    give_backs: how many uses in total may be given back because nearly nothing was sent. Each time up to 1 % of the
        object was sent, so ten at most. given_back: how many were.
    requests: hand-offs for each use, so that a copied cookie has a limit too.
    valid_until: when the link ends, also for uses that are taken; None: never.
    """

    limit = models.PositiveBigIntegerField()
    used = models.PositiveBigIntegerField(default=0)
    give_backs = models.PositiveIntegerField(default=3)
    given_back = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=500)
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "xaccel_allowance"
        constraints = (
            models.CheckConstraint(condition=Q(give_backs__lte=10), name="xaccel_allowance_few_give_backs"),
        )


class Reservation(models.Model):
    """One use, taken by one client for one version of an object, for a limited time.

    token: digest of the client's cookie. requests: hand-offs so far.
    ended_at: set when no more hand-offs are made: time or requests are used up, or the use was given back.
    settled_at: set when it is decided whether the use is given back; `given_back` is the result.
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
        db_table = "xaccel_reservation"
        constraints = (
            models.UniqueConstraint(
                fields=["allowance", "token", "version"],
                condition=Q(ended_at__isnull=True),
                name="xaccel_reservation_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["last_at"],
                condition=Q(settled_at__isnull=True),
                name="xaccel_reservation_unsettled",
            ),
        )
