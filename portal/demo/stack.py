"""All servers of the demo, in one folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from portal.demo import probes as probing
from portal.demo import seed, surroundings
from portal.demo.app_breaks import NOTE
from portal.demo.identity import Identity, read_or_make
from portal.demo.ingester import ingester
from portal.demo.kept_samples import kept_or_stored
from portal.demo.place import PROJECT
from portal.demo.portal_settings import error_folder, portal_settings, site_of
from portal.demo.ports import serve_on
from portal.demo.probes import Probes
from portal.demo.samples import LARGE_BYTES, Sample
from portal.demo.site_files import error_pages, static_location
from xaccel.nginx import Nginx, Parts, render, standalone
from xaccel.servers import ServerFailed
from xaccel.servers.processes import RunningServer, alive, wait_until
from xaccel.site import Site
from xaccel.testing import AppServer, NginxServer, S3Server, app_server, free_ports, s3_server

_RENEWED_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file in the portal. `pk` is part of its addresses; `size` is in bytes."""

    pk: str
    sample: Sample
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.sample.name

    @property
    def path(self) -> str:
        """Where it is downloaded."""
        return f"/files/{self.pk}/download"


@dataclass(slots=True)
class Stack:
    """The running servers. `sound` is the text as the library prints it.

    sessions: the cookies of users who have signed in, by user name.
    """

    folder: Path
    identity: Identity
    site: Site
    build: Nginx
    sound: Parts
    s3: S3Server
    files: tuple[SharedFile, ...]
    people: dict[str, str]
    probes: Probes | None
    extra_pks: dict[str, str]
    app: AppServer
    log_starts: dict[Path, int]
    sessions: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    nginx: NginxServer = field(init=False)
    ingest: RunningServer = field(init=False)

    @property
    def manage(self) -> list[str]:
        """Arguments that run a management command, followed by the command's own."""
        return surroundings.manage_command(self.folder)

    @property
    def line_log(self) -> Path:
        """The file of the JSON lines."""
        return Path(self.site.transfer_log)

    def logs(self) -> dict[Path, str]:
        """Return what each server but the storage has logged since this stack, or the last call of `forget_logs`."""
        return {file: _tail(file, self.log_starts.get(file, 0)) for file in _log_files(self.folder)}

    def forget_logs(self) -> None:
        """Leave out of `logs` what was logged until now."""
        self.log_starts = _sizes(self.folder)

    def files_of(self, username: str) -> list[SharedFile]:
        """Return what `username` was granted when the demo was made, by name or by group."""
        from portal.demo.people import PEOPLE

        groups = {group for person in PEOPLE if person.username == username for group in person.groups}
        return [
            file for file in self.files if username in file.sample.users or groups & set(file.sample.groups)
        ]

    def text(self, port: int, parts: Parts | None = None) -> str:
        """Print the whole configuration, with `parts` instead of the sound ones if given."""
        own = [static_location(self.folder / "portal" / "static"), *error_pages(error_folder(self.folder))]
        probes = self.probes
        return standalone(
            self.site,
            self.build,
            listen=f"127.0.0.1:{port}",
            app=self.app.address,
            # the folder may lie where nobody but root can look
            root_user="root" if os.geteuid() == 0 else None,
            extra_server=[*own, *([probing.rogue_location(probes)] if probes else [])],
            extra_http=probing.servers(probes, self.site) if probes else (),
            parts=parts or self.sound,
        )

    def reload(self, parts: Parts | None = None) -> None:
        """Put `parts`, or again the sound ones, in force. Raises NginxError."""
        self.nginx.reload(self.text(self.nginx.port, parts))

    def renew_workers(self) -> None:
        """Kill the app's workers, which is quicker than to end them; gunicorn starts others. Raises ServerFailed."""
        server = self.app.server
        old = {*server.pids} - {server.pid}
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        if not wait_until(lambda: not any(map(alive, old)), timeout_s=_RENEWED_WITHIN_S):
            raise ServerFailed("its workers did not end", where="app", remedy=f"See {server.log_file}.")


@contextmanager
def running_stack(
    folder: Path,
    binary: str,
    build: Nginx,
    *,
    port: int | None = None,
    large_bytes: int = LARGE_BYTES,
    with_probes: bool = False,
    keep: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Stack]:
    """Start everything in `folder`, which may hold an earlier run, and stop it when the block ends.

    `port` None: 8080, or a free port if 8080 is in use. `with_probes` adds two servers for the check. `say` gets
    messages about the progress. Raises ServerFailed, ServerMissing, NginxError and SeedingFailed.
    """
    with ExitStack() as exits:
        # all files of the demo are for its owner alone: they hold secrets, sessions and the files of users
        exits.callback(os.umask, os.umask(0o077))
        surroundings.isolate(folder)
        (folder / "nginx").mkdir(exist_ok=True)
        identity, log_starts = read_or_make(folder), _sizes(folder)
        say("Starting the S3 server …")
        s3 = exits.enter_context(s3_server(folder / "s3", stop_within_s=10 if keep else 0.5))
        probes = Probes(*free_ports(2)) if with_probes else None
        settings = portal_settings(folder, identity, s3, echo_port=probes.echo_port if probes else None)
        site = site_of(settings)
        surroundings.write_manage(folder, settings)
        seeder = exits.enter_context(seed.seeder(settings, os.environ, folder / "seed.log"))
        stored = kept_or_stored(folder, s3, identity.bucket, large_bytes, say)
        say("Making the portal's database …")
        extra = _extra_entries() if probes else {}
        entries = [*map(seed.entry_of, stored), *extra.values()]
        seeded = seeder.add(identity, entries, for_check=with_probes)
        say("Starting the portal and NGINX …")
        app = exits.enter_context(_app_server(folder, settings, breakable=with_probes))
        stack = Stack(
            folder=folder,
            identity=identity,
            site=site,
            build=build,
            sound=render(site, build),
            s3=s3,
            files=tuple(
                SharedFile(pk, found.sample, found.size, found.sha256)
                for pk, found in zip(seeded.files, stored, strict=False)
            ),
            people=seeded.people,
            probes=probes,
            extra_pks=dict(zip(extra, seeded.files[len(stored) :], strict=True)),
            app=app,
            log_starts=log_starts,
        )
        stack.nginx = exits.enter_context(serve_on(port, folder / "nginx", stack.text, binary))
        stack.ingest = exits.enter_context(ingester(folder / "ingest", stack.manage, stack.line_log))
        yield stack


def _app_server(
    folder: Path, settings: Mapping[str, str], *, breakable: bool
) -> AbstractContextManager[AppServer]:
    # of an earlier run that was killed
    (folder / "portal" / NOTE).unlink(missing_ok=True)
    application = f"portal.{'demo.breakable_app' if breakable else 'wsgi'}:application"
    # imported once, for both workers
    preloaded = {"GUNICORN_CMD_ARGS": "--preload", **settings}
    return app_server(folder / "app", application, env=preloaded, cwd=PROJECT, workers=2)


def _log_files(folder: Path) -> list[Path]:
    return [file for part in ("nginx", "app") for file in sorted((folder / part).glob("*.log"))]


def _sizes(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_size for file in _log_files(folder)}


def _tail(file: Path, start: int) -> str:
    with file.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")


def _extra_entries() -> dict[str, dict[str, object]]:
    """Name the files that only the check asks for: one at the echo origin, one whose object is not there."""
    common = {"size": 5, "content_type": "text/plain", "users": ["prober"]}
    return {
        "echo": {
            **common,
            "size": probing.ECHO_BYTES,
            "origin": "echo",
            "key": "echo",
            "name": "Echo.txt",
            "sha256": "e" * 64,
        },
        "missing": {**common, "key": "gone/removed.pdf", "name": "Removed.pdf", "sha256": "f" * 64},
    }
