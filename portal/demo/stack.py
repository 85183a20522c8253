"""All servers of the demo, in one folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from portal.demo import environment, seed
from portal.demo.bucket import Stored, kept_or_stored
from portal.demo.identity import PEOPLE, Identity, read_or_make
from portal.demo.place import PROJECT
from portal.demo.samples import LARGE_BYTES
from portal.demo.servers import ingester, serve_on
from portal.demo.site_files import error_pages, static_location
from xaccel.site import Site
from xaccel.tools.nginx import Nginx, standalone
from xaccel.tools.nginx.emit import directive
from xaccel_testing import AppServer, NginxServer, S3Server, app_server, free_port, s3_server
from xaccel_testing.servers.processes import RunningServer

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # so that grants are on no disk


@dataclass(frozen=True, slots=True)
class SharedFile(Stored):
    """A sample in the portal. `pk` is part of its addresses."""

    pk: str

    @property
    def name(self) -> str:
        return self.sample.name

    @property
    def path(self) -> str:
        """Where it is downloaded."""
        return f"/files/{self.pk}/download"


@dataclass(slots=True)
class Stack:
    """The running servers, with their contents.

    `settings` are the portal's environment variables; `people` has the primary key of each user, by user name.
    """

    folder: Path
    settings: dict[str, str]
    identity: Identity
    site: Site
    build: Nginx
    s3: S3Server
    files: tuple[SharedFile, ...]
    people: dict[str, str]
    app: AppServer
    nginx: NginxServer = field(init=False)
    ingest: RunningServer = field(init=False)

    @property
    def manage(self) -> list[str]:
        """Arguments that run a management command, followed by the command's own."""
        return ["/bin/sh", str(self.folder / "manage.sh")]

    def files_of(self, username: str) -> list[SharedFile]:
        """Return what `username` was granted when the demo was made, by name or by group."""
        groups = {group for person in PEOPLE if person.username == username for group in person.groups}
        return [
            file for file in self.files if username in file.sample.users or groups & set(file.sample.groups)
        ]

    def text(self, port: int) -> str:
        """Return NGINX's whole configuration."""
        return standalone(
            self.site,
            self.build,
            listen=f"127.0.0.1:{port}",
            app=self.app.address,
            # the folder may lie where nobody but root can look
            root_user="root" if os.geteuid() == 0 else None,
            extra_server=[
                # a file of at most 100 MB, and the other fields of its form
                directive("client_max_body_size", "101m"),
                static_location(self.folder / "portal" / "static"),
                *error_pages(self.settings["PORTAL_ERROR_PAGES"]),
            ],
        )


@contextmanager
def running_stack(
    folder: Path,
    binary: str,
    build: Nginx,
    *,
    port: int | None = None,
    large_bytes: int = LARGE_BYTES,
    keep: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Stack]:
    """Start everything in `folder`, which may hold an earlier run, and stop it when the block ends.

    `port` None: 8080, or a free port if 8080 is in use. `say` gets messages about the progress. Raises ServerFailed,
    ServerMissing, NginxError and SeedingFailed.
    """
    with ExitStack() as exits:
        # all files of the demo are for its owner alone: they hold secrets, sessions and the files of users
        exits.callback(os.umask, os.umask(0o077))
        environment.isolate(folder)
        (folder / "nginx").mkdir(exist_ok=True)
        identity = read_or_make(folder)
        say("Starting the S3 server …")
        s3 = exits.enter_context(s3_server(folder / "s3", stop_within_s=10 if keep else 0.5))
        app_port = free_port()
        address = f"127.0.0.1:{app_port}"
        memory = exits.enter_context(TemporaryDirectory(prefix="xaccel-demo-", dir=_MEMORY))
        settings = environment.portal_settings(folder, identity, s3, build, address, memory=memory)
        environment.write_manage(folder, settings)
        fill = exits.enter_context(seed.seeder(settings, os.environ, folder / "seed.log"))
        stored = kept_or_stored(folder, s3, identity.bucket, large_bytes, say)
        say("Making the portal's database …")
        seeded = fill(identity.passwords, stored)
        say("Starting the portal and NGINX …")
        # imported once, for both workers
        env = {"GUNICORN_CMD_ARGS": "--preload", **settings}
        app = app_server(
            folder / "app", "portal.wsgi:application", env=env, cwd=PROJECT, workers=2, port=app_port
        )
        stack = Stack(
            folder=folder,
            settings=settings,
            identity=identity,
            site=seeded.site,
            build=build,
            s3=s3,
            files=tuple(
                SharedFile(found.sample, found.size, found.sha256, pk)
                for pk, found in zip(seeded.files, stored, strict=True)
            ),
            people=seeded.people,
            app=exits.enter_context(app),
        )
        stack.nginx = exits.enter_context(serve_on(port, folder / "nginx", stack.text, binary))
        stack.ingest = exits.enter_context(
            ingester(folder / "ingest", stack.manage, Path(stack.site.transfer_log))
        )
        yield stack
