"""Find in the audit trail which steps of the demo a visitor has tried today."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.timezone import localtime

from portal.files.models import File
from xaccel.audit import Download, Outcome, Transfer

_LARGE_BYTES = 100 * 1024 * 1024
"""A download of this size can be interrupted by hand."""


def tried() -> dict[str, bool]:
    """Return for each step of tour.html whether somebody did it today, in `TIME_ZONE`."""
    today = localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    in_parts = Download.objects.filter(last_at__gte=today, transfers__gt=1)
    videos = File.objects.filter(content_type__startswith="video/")
    large = File.objects.filter(size__gte=_LARGE_BYTES)
    return {
        "video": in_parts.filter(key__in=videos.values("key")).exists(),
        "resume": in_parts.filter(key__in=large.values("key")).exists(),
        "upload": File.objects.filter(created_at__gte=today, sha256="").exists(),
        "refusal": Transfer.objects.filter(decided_at__gte=today, outcome=Outcome.DENIED).exists(),
        "statistics": User.objects.filter(is_superuser=True, last_login__gte=today).exists(),
    }
