"""`manage.py xaccel reconcile`, and the verdicts that it prints."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command

SECRET_QUERY = "X-Amz-Signature=8f0c1d2e"
"""In the URIs of the tests' logs; the command must not print it."""


def reconcile(*files: Path, grace: str = "24h") -> tuple[dict[str, str], str]:
    """Return the verdicts by id, and all that was printed; with the error, if the command ends with one."""
    printed, error = StringIO(), ""
    try:
        call_command("xaccel", "reconcile", "--each", "--grace", grace, *map(str, files), stdout=printed)
    except CommandError as failed:
        error = str(failed)
    said = printed.getvalue()
    assert SECRET_QUERY not in said + error
    rows = [line.partition("  ") for line in said.splitlines()]
    return {id_: verdict for id_, gap, verdict in rows if gap and id_}, said + error
