"""Run `manage.py xaccel ingest --follow` while the demo runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from portal.demo.place import PROJECT
from xaccel_testing.servers.processes import RunningServer, running

_UP_TO_DATE = b"Up to date, waiting for new log entries"
_START_WITHIN_S = 60.0


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
