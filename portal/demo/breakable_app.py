"""The portal for `scripts/demo --check`: a worker that starts while a note names a break has that break."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from portal.demo.app_breaks import BREAKS, NOTE
from portal.wsgi import application


def _apply() -> None:
    note = Path(settings.DATA_DIR, NOTE)
    if note.exists():
        BREAKS[note.read_text()]()


# gunicorn loads the portal once and forks its workers
os.register_at_fork(after_in_child=_apply)

__all__ = ["application"]
