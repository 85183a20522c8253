"""Run a user's own application behind a real NGINX, with an S3 server beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xaccel_testing.servers import ServerFailed, ServerMissing
from xaccel_testing.servers.app import AppServer, Kind, app_server
from xaccel_testing.servers.nginx_server import NginxServer, Variant, nginx_server
from xaccel_testing.servers.ports import free_port
from xaccel_testing.servers.s3 import S3Server

_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An application, and the file of its site.

    application: "package.module:name", as gunicorn takes it. directory: where it is imported from, and where its
    commands run; default: the working directory. site: the file of its site, as `xaccel config` takes it; None: a
    Django project, for `manage.py xaccel config`. env: added to the environment of this process and of the S3 server.
    port: of the application, for settings that have its address, such as ARCHIVES; 0: any.
    """

    application: str
    kind: Kind = "wsgi"
    directory: Path = Path()
    site: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    port: int = 0


class Stack:
    """The running servers. `url` is NGINX's address without a final slash."""

    def __init__(self, project: Project, nginx: NginxServer, app: AppServer, s3: S3Server) -> None:
        self.project, self.nginx, self.app, self.s3 = project, nginx, app, s3
        self.url = nginx.url

    def put(self, bucket: str, key: str, content: bytes | Path, content_type: str | None = None) -> None:
        """Store an object; the bucket is created if it is missing."""
        with suppress(self.s3.client().exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(bucket)
        self.s3.put(bucket, key, content, content_type)

    def lines(self, at_least: int = 0) -> list[dict[str, Any]]:
        """The JSON lines that NGINX wrote, oldest first; waits for `at_least` of them. Raises TimeoutError."""
        return self.nginx.lines(at_least)

    def run(self, *arguments: str) -> str:
        """Run this Python with `arguments` in the project, and return its output.

        For example `run("manage.py", "migrate")`. Raises ServerFailed with the output.
        """
        return _run(self.project, self.s3, *arguments)


def s3_environment(s3: S3Server) -> dict[str, str]:
    """Return the variables by which botocore and boto3 find this server, and no other credentials."""
    return {
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": s3.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def run_stack(directory: Path, project: Project, *, s3: S3Server, variant: Variant) -> Iterator[Stack]:
    """Run `project` under gunicorn, and NGINX in front of it, until the block ends.

    The project's own `xaccel config` writes the configuration for this NGINX. All files of the servers are in
    `directory`. For example:

        def test_the_file_arrives(tmp_path):
            project = Project(application="project.wsgi:application")
            with (
                s3_server(tmp_path / "s3") as s3,
                run_stack(tmp_path, project, s3=s3, variant=variants()["wheel"]) as stack,
            ):
                stack.put("documents", "2026/report.pdf", b"content")
                assert urlopen(f"{stack.url}/reports/2026").read() == b"content"

    Raises ServerMissing if the variant cannot run here, ServerFailed with the log of what did not start, and
    NginxError in NGINX's own words.
    """
    if variant.missing:
        raise ServerMissing(
            variant.missing, where=f"NGINX {variant.name}", remedy="Install it, or choose another variant."
        )
    with app_server(
        directory / "app",
        project.application,
        kind=project.kind,
        cwd=project.directory,
        env={**s3_environment(s3), **project.env},
        workers=1,
        threads=4 if project.kind == "wsgi" else 1,
        port=project.port,
    ) as app:
        port = free_port()
        asked = ["xaccel", "config", project.site] if project.site else ["django", "xaccel", "config"]
        command = ["-m", *map(str, asked), "--standalone", "--nginx", variant.binary]
        command += ["--listen", f"127.0.0.1:{port}", "--app", app.address]
        command += [] if variant.njs else ["--without", "njs", "--without", "headers-more"]
        # as root, so that the workers can read files of the test
        command += ["--user", "root"] if os.geteuid() == 0 else []
        text = _run(project, s3, *command)
        with nginx_server(directory / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            yield Stack(project, nginx, app, s3)


def _run(project: Project, s3: S3Server, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project.directory,
        env={**os.environ, **s3_environment(s3), **project.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise ServerFailed(
            f"it ended with status {done.returncode}",
            where=" ".join(["python", *arguments]),
            remedy="\n".join(["It says:", done.stdout.strip(), done.stderr.strip()]),
        )
    return done.stdout
