"""The example in Node on real servers: `node` in the place of gunicorn, and site.json with a bucket that is there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xaccel_testing import (
    NginxServer,
    S3Server,
    ServerFailed,
    ServerMissing,
    Variant,
    free_port,
    nginx_server,
)
from xaccel_testing.servers.processes import running

EXAMPLE = Path(__file__).resolve().parent / "node"
KEY = "minutes + 100%.pdf"
DOCUMENT = "/documents/1"


def write_site(directory: Path, s3: S3Server, bucket: str) -> Path:
    """Write the example's site.json for this bucket into `directory`, with a random secret."""
    mapping = json.loads((EXAMPLE / "site.json").read_text(encoding="utf-8"))
    mapping["SECRET"] = secrets.token_urlsafe(32)
    mapping["ORIGINS"]["documents"].update(bucket=bucket, endpoint_url=s3.endpoint)
    file = directory / "site.json"
    file.write_text(json.dumps(mapping), encoding="utf-8")
    return file


@contextmanager
def node_app(site: Path, s3: S3Server) -> Iterator[str]:
    """Run the app until the block ends; its address, as NGINX's `server` takes it."""
    if shutil.which("node") is None:
        raise ServerMissing("node is not installed", where="node", remedy="Install Node 20 or newer.")
    socket = site.parent / "app.sock"
    with running(
        ["node", str(EXAMPLE / "app.mjs"), str(site), str(socket)],
        name="app",
        directory=site.parent,
        ready=lambda _: socket.exists(),
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        },
        cwd=site.parent,
    ):
        yield f"unix:{socket}"


@contextmanager
def node_nginx(directory: Path, site: Path, variant: Variant, app: str) -> Iterator[NginxServer]:
    """NGINX before the app, as the README prints its text, from the same file."""
    port = free_port()
    shape = ["--standalone", "--nginx", variant.binary, "--listen", f"127.0.0.1:{port}", "--app", app]
    shape += [] if variant.njs else ["--without", "njs", "--without", "headers-more"]
    shape += ["--user", "root"] if os.geteuid() == 0 else []
    printed = subprocess.run(
        [sys.executable, "-m", "xaccel", "config", str(site), *shape],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if printed.returncode != 0:
        raise ServerFailed("NGINX's text was not printed", where="xaccel config", remedy=printed.stderr)
    with nginx_server(directory, printed.stdout, binary=variant.binary, ready_port=port) as server:
        yield server
