"""Start an application with its files in a bucket, behind NGINX."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from integrations import plain_nginx
from xaccel_testing import AppServer, NginxServer, S3Server, Variant, app_server, free_port, nginx_server
from xaccel_testing.stack import s3_environment

ROOT = Path(__file__).resolve().parents[1]
XACCEL = "xaccel"
"""The side of each application that hands its files to NGINX. All others are ways without xaccel."""
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Private:
    """A private file of an application, and who asks for it.

    path: of the download. filename: what a browser must save it as. owner, stranger: request headers of a user who may
    have the file, and of one who may not. page: another page of the application, to see how long it takes. pages: what
    the owner sees of the file, for example in the administration; none may have an address of the storage. images:
    addresses of private thumbnails, if the application makes some.
    """

    path: str
    filename: str
    owner: Mapping[str, str]
    stranger: Mapping[str, str]
    page: str
    pages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One folder of `integrations`.

    packages: whose versions are measured. sides: the environment of each way to serve the files, by its name; the
    first one uses xaccel. prepare: makes the database and the users, and
    stores a file with the content of a path; it is given a function that runs this Python. application: for gunicorn,
    "package.module:name". serve: starts another server. site: the file for `xaccel config`, if it is no Django project.
    """

    packages: tuple[str, ...]
    sides: Mapping[str, Mapping[str, str]]
    prepare: Callable[[Callable[..., str], Path], Private]
    application: str = ""
    serve: Callable[[Path, Mapping[str, str]], AbstractContextManager[AppServer]] | None = None
    site: Path | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Started:
    """An application that runs, without NGINX. Its files are in `bucket`, and those that it writes in `folder`."""

    application: Application
    side: str
    folder: Path
    env: Mapping[str, str]
    app: AppServer
    s3: S3Server
    bucket: str
    private: Private
    content: bytes = field(repr=False)

    @property
    def app_port(self) -> int:
        """The application's own port, behind NGINX."""
        return int(self.app.address.rpartition(":")[2])

    @property
    def temporary(self) -> Path:
        """The folder for its temporary files."""
        return self.folder / "tmp"


@dataclass(frozen=True, eq=False, kw_only=True)
class Running(Started):
    """A started application behind NGINX."""

    nginx: NginxServer


@contextmanager
def start(
    application: Application, side: str, folder: Path, *, s3: S3Server, file: Path
) -> Iterator[Started]:
    """Prepare and start one side of an application; all its files are in `folder`."""
    (folder / "tmp").mkdir(parents=True)
    bucket = f"private-{secrets.token_hex(4)}"
    s3.create_bucket(bucket)
    env = {
        **s3_environment(s3),
        "FOLDER": str(folder),
        "BUCKET": bucket,
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        **application.sides[side],
    }
    private = application.prepare(partial(run, env, folder), file)
    serve = application.serve or partial(_gunicorn, application.application)
    with serve(folder, env) as app:
        yield Started(
            application=application,
            side=side,
            folder=folder,
            env=env,
            app=app,
            s3=s3,
            bucket=bucket,
            private=private,
            content=file.read_bytes(),
        )


def _gunicorn(application: str, folder: Path, env: Mapping[str, str]) -> AbstractContextManager[AppServer]:
    return app_server(folder / "app", application, env=env, cwd=folder, workers=2, threads=4, timeout_s=300)


@contextmanager
def behind(started: Started, variant: Variant) -> Iterator[Running]:
    """Run NGINX in front of a started application: configured by xaccel, or as a plain proxy for the other sides."""
    port, folder = free_port(), started.folder / f"nginx-{variant.name}"
    if started.side != XACCEL:
        text = plain_nginx.text(port, started.app.address)
    else:
        site = started.application.site
        command = ["-m", *(["xaccel", "config", str(site)] if site else ["django", "xaccel", "config"])]
        command += ["--standalone", "--nginx", variant.binary]
        command += ["--listen", f"127.0.0.1:{port}", "--app", started.app.address]
        command += [] if variant.njs else ["--without", "njs", "--without", "headers-more"]
        command += ["--user", "root"] if os.geteuid() == 0 else []
        text = run(started.env, started.folder, *command)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield Running(**vars(started), nginx=nginx)


def run(env: Mapping[str, str], folder: Path, *arguments: str) -> str:
    """Run this Python in the environment of a side, and return its output. Raises AssertionError with the output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    assert done.returncode == 0, f"python {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
