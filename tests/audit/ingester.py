"""`manage.py xaccel ingest` in a process of its own, on the database of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.audit.conftest import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


def process(*arguments: str, before: str = "", **options: Any) -> subprocess.Popen[bytes]:
    """Start it; `before` is Python that runs when everything is imported and the work not begun."""
    return subprocess.Popen(
        command(*arguments, before=before), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, **options
    )


def environment() -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS}


def command(*arguments: str, before: str = "") -> list[str]:
    from django.db import connection

    code = (
        "import sys; import django; django.setup();"
        "from django.db import connections;"
        "connections['default'].settings_dict['NAME'] = sys.argv[1];"
        "from xaccel.audit.ingest import ingest; from xaccel.audit.ingest import run as command;"
        f"from django.core.management import call_command; {before or 'pass'};"
        "call_command('xaccel', 'ingest', *sys.argv[2:])"
    )
    return [sys.executable, "-c", code, str(connection.settings_dict["NAME"]), *arguments]


def telling(take: Callable[..., Any]) -> Callable[..., Any]:
    """`Ingest._take` that says on standard output when a batch begins, "+", and when it is committed and told, "-"."""

    def said(*arguments: Any) -> Any:
        os.write(1, b"+")
        position = take(*arguments)
        os.write(1, b"-")
        return position

    return said
