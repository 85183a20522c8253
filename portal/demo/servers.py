"""Run NGINX on the demo's port, and `manage.py xaccel ingest --follow` beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portal.demo.place import PROJECT
from xaccel.errors import NginxError
from xaccel_testing import NginxServer, free_port, nginx_server
from xaccel_testing.servers.ports import is_free
from xaccel_testing.servers.processes import RunningServer, running

USUAL = 8080
_ATTEMPTS = 5
_UP_TO_DATE = b"Up to date, waiting for new log entries"
_START_WITHIN_S = 60.0


@contextmanager
def serve_on(
    port: int | None, folder: Path, text: Callable[[int], str], binary: str
) -> Iterator[NginxServer]:
    """Run NGINX on `port`; None means the usual one, or one that is free.

    `text` returns the configuration for a port. Raises NginxError; without a fixed port, another program that takes the
    port first is no error.
    """
    with ExitStack() as exits:
        for attempt in range(1, _ATTEMPTS + 1):
            chosen = port or (USUAL if attempt == 1 and is_free(USUAL) else free_port())
            starting = nginx_server(folder, text(chosen), binary=binary, ready_port=chosen)
            try:
                server = exits.enter_context(starting)
                break
            except NginxError as error:
                if port or attempt == _ATTEMPTS or "Address already in use" not in str(error):
                    raise
        yield server


@contextmanager
def ingester(folder: Path, manage: Sequence[str], log: Path) -> Iterator[RunningServer]:
    """Run the ingestion of `log` until the block ends. Raises ServerFailed.

    The ingestion is ready when every entry that was in the log is in the database.
    """
    folder.mkdir(exist_ok=True)
    output = folder / "ingest.log"
    # a kept folder holds the output of earlier runs
    earlier = output.stat().st_size if output.exists() else 0

    def ready(pid: int) -> bool:
        with output.open("rb") as text:
            text.seek(earlier)
            return _UP_TO_DATE in text.read()

    with running(
        [*manage, "xaccel", "ingest", "--follow", str(log)],
        name="ingest",
        directory=folder,
        ready=ready,
        cwd=PROJECT,
        start_within_s=_START_WITHIN_S,
    ) as server:
        yield server
