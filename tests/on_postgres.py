"""pytest, with a PostgreSQL server of its own: `python -m tests.on_postgres …`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from tests.servers.postgres import postgres_server
from tests.servers.started import started


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, started(postgres_server(Path(folder)), _end) as server:
        urls = dict.fromkeys(("PORTAL_DATABASE_URL", "AUDIT_DATABASE_URL"), server.dsn)
        command = [sys.executable, "-X", "dev", "-m", "pytest", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **urls}, check=False).returncode


def _end(reason: str) -> NoReturn:
    required = os.environ.get("XACCEL_REQUIRE_LIVE") == "1"
    print(f"{'failed' if required else 'skipped'}: {reason}")
    sys.exit(int(required))


if __name__ == "__main__":
    sys.exit(main())
