"""pytest, with a PostgreSQL server of its own: `python -m tests.on_postgres …`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.postgres import postgres_server
from xaccel.testing import ServerMissing


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with postgres_server(Path(folder)) as server:
                urls = dict.fromkeys(("PORTAL_DATABASE_URL", "AUDIT_DATABASE_URL"), server.dsn)
                environ = {**os.environ, **urls}
                command = [sys.executable, "-X", "dev", "-m", "pytest", *sys.argv[1:]]
                return subprocess.run(command, env=environ, check=False).returncode
        except ServerMissing as missing:
            required = os.environ.get("XACCEL_REQUIRE_LIVE") == "1"
            print(f"{'failed' if required else 'skipped'}: {missing}")
            return int(required)


if __name__ == "__main__":
    sys.exit(main())
